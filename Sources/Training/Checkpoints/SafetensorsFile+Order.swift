import Basics

extension SafetensorsFile {
  /// The tensors for the parameters `wanted`, in their order: the file's k-th layer is the model's
  /// k-th that has parameters, whatever it is called. In a layer, parts are called as in PyTorch.
  ///
  /// A name is that of the layer, a dot, and that of the part: `features.3.weight`. Layers stand in
  /// the file's order. But PyTorch's `save_file` sorts by name, 10 before 2 and a bias before its
  /// weight; so in a sorted file the numbers in the names decide.
  ///
  /// - Throws: `Failure.badData` listing every place where file and model differ.
  package func tensorsInOrder(for wanted: [(name: String, shape: [Int])]) throws -> [Tensor] {
    var given = tensors.filter { !$0.isBatchCount }
    let names = given.map(\.name)
    if names == names.sorted() {
      given.sort { Self.numericKey($0.name) < Self.numericKey($1.name) }
    }
    let own = Self.layers(wanted.map(\.name))
    let found = Self.layers(given.map(\.name))
    var result = [Tensor?](repeating: nil, count: wanted.count)
    var wrong: [String] = []
    for place in 0..<max(own.count, found.count) {
      var rest = place < found.count ? found[place] : []
      for (part, index) in place < own.count ? own[place] : [] {
        let (name, shape) = wanted[index]
        let tensor = rest.firstIndex { $0.part == part }.map { given[rest.remove(at: $0).index] }
        result[index] = tensor
        if tensor?.type != "F32" || tensor?.shape != shape {
          wrong.append(
            "layer \(place + 1): expected \(name) F32 \(shape), found "
              + (tensor?.description ?? "no \(part)"))
        }
      }
      wrong += rest.map { "layer \(place + 1): expected no more, found \(given[$0.index])" }
    }
    try requireNone(
      wrong, "does not fit the model in its order",
      remedy: "Give its tensors the model's names and leave --init-order out.")
    return result.compactMap(\.self)
  }

  /// Parts by layer, each with its place in `names`; layers in the order of their first parts.
  private static func layers(_ names: [String]) -> [[(part: Substring, index: Int)]] {
    var places: [Substring: Int] = [:]
    var result: [[(part: Substring, index: Int)]] = []
    for (index, name) in names.enumerated() {
      let end = name.lastIndex(of: ".")
      let layer = name[..<(end ?? name.startIndex)]
      let place = places[layer] ?? result.count
      places[layer] = place
      if place == result.count { result.append([]) }
      result[place].append((name[(end.map(name.index(after:)) ?? name.startIndex)...], index))
    }
    return result
  }

  /// Orders names by the numbers in them: every number has twenty digits.
  private static func numericKey(_ name: String) -> String {
    var key = ""
    var digits = ""
    for character in name + "." {
      if character.isASCII && character.isNumber {
        digits.append(character)
      } else {
        let padding = digits.isEmpty ? 0 : max(0, 20 - digits.count)
        key += String(repeating: "0", count: padding) + digits + String(character)
        digits = ""
      }
    }
    return key
  }
}
