extension Collection where Element: Comparable {
  /// The middle value in order, of two the upper one. Complexity: O(n·log n).
  ///
  /// - Precondition: there is a value.
  package func median() -> Element {
    precondition(!isEmpty, "nothing has no median")
    return sorted()[count / 2]
  }
}
