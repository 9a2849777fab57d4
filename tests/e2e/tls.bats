#!/usr/bin/env bats
# rediss://: nodes that speak TLS, with certificates that are good and with all the others. Each test has nodes of its own;
# tests/e2e/lib/certificates says what there is.

load lib/redlock.bash

setup_file() {
  isolate
  be_patient
  export certificates=$BATS_FILE_TMPDIR/certificates
  export address
  address=$(loopback_address "$BASHPID")
  "$BATS_TEST_DIRNAME/lib/certificates" "$certificates" "$address"
  chmod 600 "$certificates"/*.key
}
setup() {
  redlock_setup
  cli_options=(--tls --insecure)
  config=$BATS_TEST_TMPDIR/redlock.toml
  unset SSL_CERT_DIR SSL_CERT_FILE
}
teardown() {
  redlock_teardown
  stop_nodes
}

# tls_nodes COUNT CERTIFICATE [REDIS OPTION...]: they ask for no certificate of the client unless told to.
tls_nodes() {
  scheme=rediss start_nodes "$1" --tls-cert-file "$certificates/$2.pem" --tls-key-file "$certificates/$2.key" \
    --tls-ca-cert-file "$certificates/ca.pem" --tls-auth-clients no "${@:3}"
}

# Makes what is given, line by line, the [defaults] of the configuration.
configure() {
  { echo '[defaults]'; [[ $# -eq 0 ]] || printf '%s\n' "$@"; } > "$config"
  chmod 600 "$config"
  export REDLOCK_CONFIG=$config
}
trust_ca() { configure "ca_file = '$certificates/ca.pem'" "$@"; }

# refused WORDS...: no lock, because of a node that is refused with these words.
refused() {
  try_run -n "$lock" -- touch "$marks/ran"
  [ "$status" -eq 69 ]
  [[ $stderr == *"$1"* ]] || { echo "no '$1' in: $stderr"; return 1; }
  [ ! -e "$marks/ran" ]
}

granted() {
  try_run -n "$lock" -- echo ran
  [ "$status" -eq 0 ] || { echo "$stderr"; return 1; }
  [ "$output" = ran ]
  [ -z "$stderr" ] || { echo "$stderr"; return 1; }
}

# --- what is good ----------------------------------------------------------------------------------------------------

@test "a command runs under a lock of nodes that speak TLS, which is extended and given back" {
  tls_nodes 3 server
  trust_ca
  try_run -v --ttl 6s "$lock" -- sh -c 'until [ "$(grep -c extended "$0")" -ge 2 ]; do sleep 0.05; done
    redis-cli --tls --cacert "$certificates/ca.pem" -h "$nodes_address" -p "$1" GET "$REDLOCK_NAME"' \
    "$BATS_TEST_TMPDIR/try.err" "$(sed 's/.*://' "$nodes_dir/1.url")"
  [ "$status" -eq 0 ]
  [[ $output =~ ^[0-9a-f]{40}$ ]]
  [[ $stderr == *acquired*extended*extended* ]]
  nothing_left_of "$lock"
}

@test "what another holds over TLS is held, and a waiter gets it when it is free" {
  tls_nodes 3 server
  trust_ca
  start_holder "$lock"
  try_run -n "$lock" -- touch "$marks/ran"
  [ "$status" -eq 75 ]
  [[ $stderr == *"is held by"* ]]
  start_redlock waiter run -w 30s --retry-delay 10ms "$lock" -- echo ran
  local waiter=$redlock
  wait_until 20 has_text waiting "$marks/waiter.err"
  end_holder
  finish "$waiter"
  [ "$status" -eq 0 ]
  [ "$(< "$marks/waiter.out")" = ran ]
}

@test "TLS 1.2 and TLS 1.3 are spoken, and nothing older" {
  tls_nodes 1 server --tls-protocols TLSv1.2
  trust_ca
  granted
  stop_nodes
  tls_nodes 1 server --tls-protocols TLSv1.3
  granted
  stop_nodes
  # redis-cli cannot speak to it either.
  node_answers() { has_text 'Ready to accept' "$nodes_dir/$1.log"; }
  tls_nodes 1 server --tls-protocols TLSv1.1 --tls-ciphers 'ALL:@SECLEVEL=0'
  refused 'TLS failed: it speaks no TLS that is new enough (1.2 or 1.3): see its tls-protocols'
}

@test "the host is a name, an IPv4 address or an IPv6 address" {
  trust_ca
  address=127.0.0.1 tls_nodes 1 server
  REDLOCK_NODES="rediss://localhost:$(sed 's/.*://' "$nodes_dir/1.url")" granted
  stop_nodes
  tls_nodes 1 server
  granted
  [ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6 || skip "this machine has no IPv6"
  stop_nodes
  address=::1 tls_nodes 3 server
  granted
  nothing_left_of "$lock"
}

@test "the database of the URL is the one that is used, and user and password go over TLS" {
  tls_nodes 3 server
  local node url urls=
  for node in 1 2 3; do
    redis_cli "$node" ACL SETUSER locker on '>s3cret' '~*' +@all
    url=$(url_of "$node")
    urls+="${url/rediss:\/\//rediss://locker:s3cret@}/5 "
  done
  trust_ca
  REDLOCK_NODES=$urls try_run "$lock" -- sh -c 'for db in 0 5; do
    redis-cli --tls --cacert "$certificates/ca.pem" -h "$nodes_address" -p "$1" -n $db EXISTS "$REDLOCK_NAME"; done' \
    - "$(sed 's/.*://' "$nodes_dir/1.url")"
  [ "$status" -eq 0 ]
  [ "$output" = $'0\n1' ]
  REDLOCK_NODES=${urls//s3cret/wrong} refused "does not accept the password of user 'locker'"
}

@test "a unix socket with a password needs no TLS beside nodes that do" {
  unset cli_options
  address=127.0.0.1 start_nodes 1 --unixsocket "$BATS_TEST_TMPDIR/redis.sock" --requirepass s3cret
  configure "ca_file = '$certificates/ca.pem'" 'password_env = "SECRET"'
  export SECRET=s3cret REDLOCK_NODES=unix://$BATS_TEST_TMPDIR/redis.sock
  granted
  SECRET=wrong refused 'does not accept the password'
}

@test "a minority of nodes that freeze or die does not keep a lock over TLS away" {
  tls_nodes 3 server
  trust_ca
  freeze_node 1
  granted
  freeze_node 2
  REDLOCK_NODE_TIMEOUT=2s refused 'timed out (in the TLS handshake'
  thaw_node 1 2
  kill_node 3
  granted
  nothing_left_of "$lock" 1 2
}

@test "a lock over TLS survives the restart of its nodes, one after the other" {
  tls_nodes 3 server
  trust_ca
  start_holder "$lock" --ttl 6s
  # A quorum has it, and the last node perhaps not yet.
  wait_until 20 eval '(($(nodes_holding "$lock") == 3))'
  local node before
  for node in 1 2 3; do
    restart_node "$node"
    wait_until 20 replanted "$node"
    # The repaired vote counts from the next extension on.
    before=$(redis_cli "$node" PTTL "$lock")
    wait_until 20 extended_again "$node"
  done
  end_holder
  nothing_left_of "$lock"
}
replanted() { [[ $(redis_cli "$1" EXISTS "$lock") == 1 ]]; }
extended_again() {
  local now=$(redis_cli "$1" PTTL "$lock")
  ((now > before)) || { before=$now; false; }
}

# --- whose certificate is good ---------------------------------------------------------------------------------------

@test "a certificate that is expired, or not valid yet, is refused with its date" {
  trust_ca
  tls_nodes 1 expired
  refused 'TLS failed: its certificate expired on 2021-02-03: renew it there, or set the clock here'
  stop_nodes
  tls_nodes 1 early
  refused 'TLS failed: its certificate is valid from 2120-03-04 on: set the clock here'
}

@test "a certificate for another host is refused with the names that it is for, unless server_name says so" {
  trust_ca
  tls_nodes 1 elsewhere
  refused "its certificate is for 'elsewhere.example', '*.wild.example', '192.0.2.7', not for '$address'"
  local name
  for name in elsewhere.example ELSEWHERE.example any.wild.example 192.0.2.7; do
    trust_ca "server_name = '$name'"
    granted
  done
  for name in sub.elsewhere.example wild.example a.b.wild.example 192.0.2.8; do
    trust_ca "server_name = '$name'"
    refused "not for '$name'"
  done
}

@test "a certificate that has but a common name is good for that" {
  address=127.0.0.1 tls_nodes 1 common
  trust_ca
  REDLOCK_NODES="rediss://localhost:$(sed 's/.*://' "$nodes_dir/1.url")" granted
  refused "its certificate is for 'localhost', not for '127.0.0.1'"
}

@test "a certificate of an unknown CA is refused with the name of that CA" {
  tls_nodes 1 stranger
  trust_ca
  refused "TLS failed: its certificate is from an unknown CA, 'a rogue CA': name the file with that CA as ca_file"
  configure
  refused "an unknown CA, 'a rogue CA'"
}

@test "CAs come from ca_file, ca_dir or the system's folder, and a file or folder that is named is all that counts" {
  tls_nodes 1 server
  configure "ca_dir = '$certificates/hashed'"
  granted
  configure
  SSL_CERT_DIR=$certificates/hashed granted
  SSL_CERT_FILE=$certificates/ca.pem granted
  refused 'unknown CA'
  configure "ca_file = '$certificates/rogue_ca.pem'"
  SSL_CERT_DIR=$certificates/hashed refused 'unknown CA'
  # Two in one file, and the one that is needed behind the other.
  cat "$certificates"/{rogue_ca,ca}.pem > "$BATS_TEST_TMPDIR/both.pem"
  configure 'ca_file = "both.pem"'
  granted
}

@test "a file or folder of CAs in the environment that cannot be used is named when no CA is known" {
  tls_nodes 1 server
  configure
  mkdir "$BATS_TEST_TMPDIR/empty"
  echo nothing > "$BATS_TEST_TMPDIR/text"
  SSL_CERT_FILE=/nonexistent/ca refused "unknown CA, 'the CA of the tests' (SSL_CERT_FILE is '/nonexistent/ca': no such file or directory): name"
  SSL_CERT_FILE=$BATS_TEST_TMPDIR/text refused "(SSL_CERT_FILE is '$BATS_TEST_TMPDIR/text': it holds no certificate in PEM)"
  SSL_CERT_DIR=/nonexistent refused "(SSL_CERT_DIR is '/nonexistent': no such file or directory)"
  SSL_CERT_DIR=$BATS_TEST_TMPDIR/empty:/nonexistent refused "(SSL_CERT_DIR is '$BATS_TEST_TMPDIR/empty:/nonexistent': it holds no certificate under the hash of its name; run 'openssl rehash' on it)"
  SSL_CERT_DIR=/nonexistent SSL_CERT_FILE=/nonexistent/ca refused "(SSL_CERT_DIR is '/nonexistent': no such file or directory; SSL_CERT_FILE is '/nonexistent/ca': "
  SSL_CERT_DIR=/nonexistent SSL_CERT_FILE=$certificates/ca.pem granted
  SSL_CERT_DIR=/nonexistent:$certificates/hashed granted
  configure "ca_file = '$certificates/ca.pem'"
  SSL_CERT_DIR=/nonexistent SSL_CERT_FILE=/nonexistent/ca granted
  configure "ca_file = '$certificates/rogue_ca.pem'"
  SSL_CERT_DIR=/nonexistent refused "unknown CA, 'the CA of the tests': name"
}

@test "a system without CAs is told to have none" {
  ((UID == 0)) && unshare -m true || skip "needs root, to mount"
  tls_nodes 1 server
  configure
  mkdir "$BATS_TEST_TMPDIR/empty"
  try unshare -m bash -c 'for folder in /etc/ssl /etc/pki /usr/lib/ssl /usr/local/ssl; do
      [ ! -d "$folder" ] || mount --bind "$0" "$folder"; done
    exec "$@"' "$BATS_TEST_TMPDIR/empty" "$REDLOCK" run -n "$lock" -- touch "$marks/ran"
  [ "$status" -eq 69 ]
  [[ $stderr == *"unknown CA, 'the CA of the tests' (this system has no CAs: install ca-certificates): name the file with that CA as ca_file"* ]]
  [ ! -e "$marks/ran" ]
}

@test "insecure_skip_verify takes any certificate, and warns at each use" {
  tls_nodes 1 expired
  configure 'insecure_skip_verify = true'
  local i
  for i in 1 2; do
    try_run -n "$lock" -- echo ran
    [ "$output" = ran ]
    [[ $stderr == "redlock: warning: insecure_skip_verify: whoever stands between here and $(url_of 1)/0 can read and change what is said."* ]]
    [ "$(wc -l <<< "$stderr")" -eq 1 ]
  done
}

@test "one node with a bad certificate is one vote, and its reason is told with -v" {
  tls_nodes 2 server
  local good=$REDLOCK_NODES kept=$nodes_dir
  tls_nodes 1 expired
  REDLOCK_NODES="$good $(url_of 1)"
  trust_ca
  granted
  try_run -v "$lock" -- sh -c 'until grep -q "TLS failed" "$0"; do sleep 0.05; done' "$BATS_TEST_TMPDIR/try.err"
  [[ $stderr == *"$(url_of 1)/0: TLS failed: its certificate expired"* ]]
  stop_nodes
  nodes_dir=$kept
}

@test "the settings of openssl.cnf are not read" {
  tls_nodes 1 server --tls-protocols TLSv1.2
  trust_ca
  printf '%s\n' 'openssl_conf = all' '[all]' 'ssl_conf = ssl' '[ssl]' 'system_default = strict' '[strict]' \
    'MinProtocol = TLSv1.3' > "$BATS_TEST_TMPDIR/openssl.cnf"
  OPENSSL_CONF=$BATS_TEST_TMPDIR/openssl.cnf granted
}

# --- our certificate -------------------------------------------------------------------------------------------------

# strict_nodes COUNT [REDIS OPTION...]: they want a certificate of the client's.
strict_nodes() {
  cli_options+=(--cert "$certificates/client.pem" --key "$certificates/client.key")
  tls_nodes "$1" server --tls-auth-clients yes "${@:2}"
}

@test "a client certificate that is missing is asked for, and one that is not accepted is told of" {
  local version
  for version in TLSv1.2 TLSv1.3; do
    cli_options=(--tls --insecure)
    strict_nodes 1 --tls-protocols "$version"
    trust_ca
    refused 'it asks for a client certificate: set cert_file and key_file'
    trust_ca "cert_file = '$certificates/rogue.pem'" "key_file = '$certificates/rogue.key'"
    refused 'it does not accept the client certificate (cert_file): the node does not know its CA'
    trust_ca "cert_file = '$certificates/client.pem'" "key_file = '$certificates/client.key'"
    granted
    nothing_left_of "$lock"
    stop_nodes
  done
}

@test "certificate and key may be in one file, and a node may have its own" {
  strict_nodes 1
  cat "$certificates"/client.{pem,key} > "$BATS_TEST_TMPDIR/client.pem"
  chmod 600 "$BATS_TEST_TMPDIR/client.pem"
  trust_ca 'cert_file = "client.pem"'
  granted
  trust_ca "cert_file = '$certificates/rogue.pem'" "key_file = '$certificates/rogue.key'" '[[node]]' "url = '$(url_of 1)'" \
    'cert_file = "client.pem"'
  unset REDLOCK_NODES
  granted
}

@test "the password of a key comes from a file or from the environment, and is never asked for" {
  strict_nodes 1
  local keys=("cert_file = '$certificates/client.pem'" "key_file = '$certificates/client-locked.key'")
  echo 'open sesame' > "$BATS_TEST_TMPDIR/password"
  chmod 600 "$BATS_TEST_TMPDIR/password"
  trust_ca "${keys[@]}" 'key_password_file = "password"'
  granted
  trust_ca "${keys[@]}" 'key_password_env = "KEY_PASSWORD"'
  KEY_PASSWORD='open sesame' granted
  KEY_PASSWORD='close sesame' try_run -n "$lock" -- true
  [ "$status" -eq 78 ]
  [[ $stderr == *"$config:4:12: key_file: $certificates/client-locked.key: the password for the key is wrong" ]]
  [[ $stderr != *'close sesame'* ]]
  trust_ca "${keys[@]}"
  # At a terminal, where OpenSSL would ask.
  timeout 30 /usr/bin/python3 -c 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))' \
    "$REDLOCK" run -n "$lock" -- true > "$marks/terminal" < /dev/null || status=$?
  [ "$status" -eq 78 ]
  grep -q 'the key is encrypted; set key_password_file or key_password_env' "$marks/terminal"
  ! grep -qi 'pass phrase' "$marks/terminal"
}

# --- the wrong door --------------------------------------------------------------------------------------------------

@test "a node that does not speak TLS, and one that does without being asked for it, are told with what to use" {
  tls_nodes 1 server
  trust_ca
  local url=$(url_of 1)
  REDLOCK_NODES=${url/rediss:/redis:} refused 'if it speaks TLS, use rediss://'
  stop_nodes
  cli_options=()
  start_nodes 1
  url=$(url_of 1)
  export REDLOCK_NODE_TIMEOUT=2s
  REDLOCK_NODES=${url/redis:/rediss:} refused 'timed out (in the TLS handshake, without a word: if it does not speak TLS, use redis://)'
}

# --- secrets ---------------------------------------------------------------------------------------------------------

@test "no password is in arguments, environment or messages" {
  strict_nodes 3 --requirepass 'the node secret' --tls-protocols TLSv1.3
  printf 'the node secret\n' > "$BATS_TEST_TMPDIR/password"
  printf 'open sesame\n' > "$BATS_TEST_TMPDIR/key-password"
  chmod 600 "$BATS_TEST_TMPDIR"/*password
  trust_ca "cert_file = '$certificates/client.pem'" "key_file = '$certificates/client-locked.key'" \
    'password_file = "password"' 'key_password_file = "key-password"'
  # What anybody can see of redlock, its guard and the command; and what the command can see of its own.
  try_run -v --ttl 6s "$lock" -- sh -c '
    for pid in $PPID $(ps -o ppid= -p $PPID) $$; do
      tr "\0" " " < /proc/$pid/cmdline; echo; tr "\0" "\n" < /proc/$pid/environ; done
    env; until grep -q extended "$0"; do sleep 0.05; done' "$BATS_TEST_TMPDIR/try.err"
  [ "$status" -eq 0 ]
  [[ $output == *REDLOCK_TOKEN=* ]]
  [[ $stderr == *extended* ]]
  [[ $output$stderr != *'node secret'* && $output$stderr != *sesame* ]]
  # Nor when it is wrong.
  printf 'the wrong secret\n' > "$BATS_TEST_TMPDIR/password"
  try_run -v -n "$lock" -- true
  [ "$status" -eq 69 ]
  [[ $stderr == *'does not accept the password'* ]]
  [[ $output$stderr != *'wrong secret'* && $output$stderr != *sesame* ]]
  printf 'close sesame\n' > "$BATS_TEST_TMPDIR/key-password"
  try_run -v -n "$lock" -- true
  [ "$status" -eq 78 ]
  [[ $output$stderr != *secret* && $output$stderr != *sesame* ]]
}

@test "a private key that everybody can read is warned about" {
  strict_nodes 1
  cp "$certificates/client.key" "$BATS_TEST_TMPDIR/open.key"
  chmod 644 "$BATS_TEST_TMPDIR/open.key"
  trust_ca "cert_file = '$certificates/client.pem'" 'key_file = "open.key"'
  try_run -n "$lock" -- echo ran
  [ "$output" = ran ]
  [[ $stderr == "redlock: warning: key_file $BATS_TEST_TMPDIR/open.key holds a private key and everybody on this machine can read it: chmod 600"* ]]
}
