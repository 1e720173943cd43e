import Basics
import Graph
import Yams

/// A model as a YAML file: a list of layers, one key each.
///
/// Parameter names are `nn.Sequential` indices counting every layer (`3.body.0.weight`), or
/// `name:` where given. The kinds of layers stand in `LayerKind.all`.
package struct ModelFile {
  private let path: String
  private let root: Node

  /// Whether a model's name means such a file.
  package static func isPath(_ name: String) -> Bool {
    name.hasSuffix(".yaml") || name.hasSuffix(".yml")
  }

  /// - Parameters:
  ///   - path: what errors call the file.
  ///   - text: the file's content.
  /// - Throws: `Failure.badData` where it is not YAML.
  package init(path: String, text: String) throws {
    self.path = path
    try ModelFile.checkNesting(text, path: path)
    do {
      guard let root = try Yams.compose(yaml: text) else {
        throw Failure.badData("\(path): the file is empty", remedy: "Write a list `layers:`.")
      }
      self.root = root
    } catch let error as YamlError {
      throw Failure.badData("\(path): not YAML: \(ModelFile.describe(error))")
    }
  }

  /// Place and problem of a YAML error, without the whole file that Yams quotes.
  package static func describe(_ error: any Error) -> String {
    switch error as? YamlError {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      "line \(mark.line), column \(mark.column): \(problem)"
    case .duplicatedKeysInMapping(let keys, _): "\(keys.joined(separator: ", ")) stands twice"
    default: String("\(error)".prefix(200))
    }
  }

  /// Yams descends a call a level: a file of nothing but brackets would overflow the stack.
  private static func checkNesting(_ text: String, path: String) throws {
    let deepest = 200
    var depth = 0
    for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
      // Block style nests by indentation and by "- - -".
      let indent = line.prefix { " -?:".utf8.contains($0) }.count
      for byte in line {
        if "[{".utf8.contains(byte) { depth += 1 }
        if "]}".utf8.contains(byte) { depth = max(0, depth - 1) }
        if depth > deepest { break }
      }
      if depth > deepest || indent > 4 * deepest {
        throw Failure.badData(
          "\(path): layers are nested more than \(deepest) deep", remedy: "Write a flatter list.")
      }
    }
  }

  /// The tokens a sample has, where the file says `input: [64]`.
  var contextLength: Int? {
    let input = root.mapping?.first { $0.key.string == "input" }?.value
    guard let extents = input?.array(), extents.count == 1 else { return nil }
    return extents[0].int.flatMap { (1...65536).contains($0) ? $0 : nil }
  }

  /// - Throws: `Failure` naming file, line and layer.
  package func model(for context: ModelContext) throws -> any Model {
    let builder = ModelFileBuilder(path: path, context: context)
    guard case .mapping(let mapping) = root else {
      throw builder.failure(root, "expected the keys input and layers")
    }
    var layers: Node?
    for (key, value) in mapping {
      switch key.string {
      case "input":
        let shape = value.array().map { $0.int }
        guard shape == context.sampleShape.map(Optional.some) else {
          throw builder.failure(
            value,
            "input \(shape.map { $0.map(String.init) ?? "?" }) does not match the data's sample "
              + "shape \(context.sampleShape)")
        }
      case "layers": layers = value
      default:
        throw builder.failure(
          key, "unknown key '\(key.string ?? "?")'; expected input and layers")
      }
    }
    guard let layers else { throw builder.failure(root, "there is no list of layers") }
    return try builder.sequence(layers, path: "", from: builder.input).layers
  }
}
