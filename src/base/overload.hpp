#pragma once

namespace redlock {

// A visitor for std::visit made of lambdas.
template <class... Parts>
struct Overload : Parts... {
  using Parts::operator()...;
};
template <class... Parts>
Overload(Parts...) -> Overload<Parts...>;  // clang 14 needs it

}  // namespace redlock
