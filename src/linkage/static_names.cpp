#include <nss.h>

// In a program that is linked with a static libc. /etc/nsswitch.conf may name a module for host names that exists for the
// machine's own libc only: to load that one crashes. /etc/hosts and name servers need no module.
namespace redlock::linkage {
namespace {

[[gnu::constructor]] void look_names_up_without_modules() {
  __nss_configure_lookup("hosts", "files dns");
}

}  // namespace
}  // namespace redlock::linkage
