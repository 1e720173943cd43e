/// What memory is mapped, cleared and cut by.
package let pageBytes = 4096

extension Int {
  /// The least multiple of `step` that is not below this number, which is 0 or more.
  package func roundedUp(to step: Int) -> Int { (self + step - 1) / step * step }
}
