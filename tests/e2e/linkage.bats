#!/usr/bin/env bats
# How redlock is linked: what cmake is told, and what it makes of that. Nothing is compiled here.

setup_file() {
  export top
  top=$(readlink -f "$BATS_TEST_DIRNAME/../..")
}
setup() { build=$BATS_TEST_TMPDIR/build; }

# configure OPTION...: as a packager does, without a preset. A second time it changes what is configured.
configure() {
  run cmake -G Ninja -S "$top" -B "$build" -DREDLOCK_TESTS=OFF "$@"
  [ "$status" -eq 0 ] || { echo "$output"; return 1; }
  commands=$(ninja -C "$build" -t commands redlock)
  program=$(grep -E -- ' -o redlock ' <<< "$commands")
  module=$(grep -E -- ' -o redlock-tls.so ' <<< "$commands" || true)
}

refuses() {
  run cmake -G Ninja -S "$top" -B "$build" -DREDLOCK_TESTS=OFF "$@"
  [ "$status" -ne 0 ]
  output=$(tr -s ' \n' ' ' <<< "$output")  # cmake breaks its lines where it likes
}

has() { [[ " $1 " == *"$2"* ]] || { echo "no '$2' in: $1"; return 1; }; }
has_not() { [[ " $1 " != *"$2"* ]] || { echo "'$2' in: $1"; return 1; }; }

@test "without options all is shared, position independent and hardened, and OpenSSL is apart" {
  configure
  has "$program" ' -pie '
  has "$program" 'libhiredis.so'
  has "$program" ' -Wl,-z,relro '
  has_not "$program" '-static'
  has "$module" 'libcrypto.so'
  has "$commands" ' -fstack-protector-strong '
  has "$commands" ' -D_FORTIFY_SOURCE=2 '
  has "$commands" ' -O3 '
}

# What NOTICES has licences of.
noticed() { grep -xE -A1 '={78}' "$build/NOTICES" | grep -vxE '=*|--' | paste -sd, ; }

@test "NOTICES has the licences of what is compiled and linked in, and of nothing else" {
  local headers='CLI11,fmt,JSON for Modern C++,toml++'
  configure
  [ "$(noticed)" = "$headers" ]
  configure -DREDLOCK_STATIC=libs
  [ "$(noticed)" = "$headers,libhiredis,libstdc++ and libgcc" ]
  grep -q 'GCC Runtime Library Exception' "$build/NOTICES"
  configure -DREDLOCK_STATIC=full
  [[ $(noticed) =~ ^"$headers,libhiredis,OpenSSL,"(lib[a-z]+,)*"libstdc++ and libgcc,the GNU C library"$ ]]
  local words
  for words in 'Henry Schreiner' 'Victor Zverovich' 'Niels Lohmann' 'Mark Gillard' 'Salvatore Sanfilippo' \
    'OpenSSL Project' 'TERMS AND CONDITIONS FOR USE, REPRODUCTION' 'GNU LESSER GENERAL PUBLIC LICENSE' 'GCC Runtime Library Exception'; do
    grep -qi "$words" "$build/NOTICES" || { echo "nothing about $words"; return 1; }
  done
  ! grep -q 'had no licence' "$build/NOTICES"
}

@test "another value of REDLOCK_STATIC links other libraries, in the same build folder too" {
  configure -DREDLOCK_STATIC=off
  configure -DREDLOCK_STATIC=libs
  has "$program" 'libhiredis.a'
  has "$program" ' -static-libstdc++ '
  configure -DREDLOCK_PIE=OFF
  has "$program" 'libcrypto.a'
  has "$program" ' -no-pie '
  has_not "$program" 'libcrypto.so'
  [ -z "$module" ]
  configure -DREDLOCK_STATIC=full
  has "$program" ' -static -no-pie '
  has "$commands" 'static_names.cpp'
  configure -DREDLOCK_PIE=ON
  has "$program" ' -static-pie '
  has_not "$program" ' -pie '
  has_not "$program" ' -static-libstdc++ '
  [ -z "$module" ]
  configure -DREDLOCK_PIE=OFF
  configure -DREDLOCK_STATIC=off
  has "$program" 'libhiredis.so'
  has "$program" 'libcrypto.so'
  has_not "$program" '-static'
}

@test "a static library that is missing is an error that names the option" {
  mkdir "$BATS_TEST_TMPDIR/pc"
  printf '%s\n' 'Name: hiredis' 'Description: x' 'Version: 1.0' 'Libs: -lhiredis' 'Libs.private: -lnowhere' \
    > "$BATS_TEST_TMPDIR/pc/hiredis.pc"
  export PKG_CONFIG_PATH=$BATS_TEST_TMPDIR/pc
  refuses -DREDLOCK_STATIC=libs
  has "$output" 'REDLOCK_STATIC=libs needs libnowhere.a, which is not installed'
  has "$output" '-DREDLOCK_STATIC=off'
  configure -DREDLOCK_STATIC=off
}

@test "a value of REDLOCK_STATIC that means nothing is refused" {
  refuses -DREDLOCK_STATIC=some
  has "$output" "REDLOCK_STATIC is 'some': it must be off, libs or full"
}
