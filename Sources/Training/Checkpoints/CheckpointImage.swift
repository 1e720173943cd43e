package import Graph

/// The tensors of a checkpoint where they lie in memory.
///
/// Unchecked: the memory lives as long as the job, and the trainer leaves it alone while a save is
/// under way.
package struct CheckpointImage: @unchecked Sendable {
  let model: [Safetensors.Entry]
  let optimizer: [Safetensors.Entry]

  /// - Parameters:
  ///   - parameters: an arena of `layout`.
  ///   - state: one arena for each of `stateNames`; a tensor of it is named `exp_avg.0.weight`.
  package init(
    layout: ParameterLayout, stateNames: [String], parameters: UnsafeMutablePointer<Float>,
    state: [UnsafeMutablePointer<Float>]
  ) {
    func entries(_ prefix: String, _ base: UnsafeMutablePointer<Float>) -> [Safetensors.Entry] {
      CheckpointImage.entries(of: layout, prefix: prefix).map {
        Safetensors.Entry(
          name: prefix + $0.parameter.name, shape: $0.parameter.shape,
          data: UnsafePointer(base + $0.offset))
      }
    }
    model = entries("", parameters)
    optimizer = zip(stateNames, state).flatMap { entries("\($0).", $1) }
  }

  /// What an arena holds of the model: the weights and their running mean everything, an
  /// optimizer's state no running statistics, which no optimizer moves.
  static func entries(of layout: ParameterLayout, prefix: String) -> [ParameterLayout.Entry] {
    ["", "ema."].contains(prefix) ? layout.entries : layout.trainable
  }

  var byteCount: Int { (model + optimizer).reduce(0) { $0 + $1.byteCount } }

  /// What a save costs, for want of a measurement: half the speed of a slow disk.
  var expectedSeconds: Double { 0.5 + Double(byteCount) / 50e6 }
}
