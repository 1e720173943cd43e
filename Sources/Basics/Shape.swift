/// The extents of an array, slowest axis first: `[batch, features]`.
package struct Shape: Sendable, Hashable, CustomStringConvertible, ExpressibleByArrayLiteral {
  package var extents: [Int]

  package init(_ extents: [Int]) { self.extents = extents }

  package init(arrayLiteral extents: Int...) { self.extents = extents }

  package var rank: Int { extents.count }

  /// The product of the extents; 1 for a scalar.
  package var count: Int { extents.reduce(1, *) }

  package subscript(axis: Int) -> Int { extents[axis] }

  /// The product of the extents, or nil where it does not fit: for shapes read from files.
  package static func checkedCount(_ extents: [Int]) -> Int? {
    var product = 1
    for extent in extents {
      guard extent >= 0 else { return nil }
      let (result, overflow) = product.multipliedReportingOverflow(by: extent)
      if overflow { return nil }
      product = result
    }
    return product
  }

  package var description: String {
    "[" + extents.map(String.init).joined(separator: ", ") + "]"
  }
}
