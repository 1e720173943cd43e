import DistTrain

/// A model of one's own in one screen: two views of the input, each with its own activation,
/// joined by a shared output layer.
///
///     mpirun -np 2 .build/release/CustomModel --epochs 10
struct TwoViews: Model {
  let smooth, sharp, output: Linear

  init(_ context: ModelContext) {
    let features = context.sampleShape.reduce(1, *)
    smooth = Linear("smooth", inputs: features, outputs: 64)
    sharp = Linear("sharp", inputs: features, outputs: 64)
    output = Linear("output", inputs: 64, outputs: context.outputs)
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let x = x.flattened()
    // One set of output weights reads both views; its two gradients are added.
    return output(gelu(smooth(x))) + output(relu(sharp(x)))
  }
}

@main
struct CustomModel {
  static func main() {
    train(["data": "digits", "optimizer": "adamw", "lr": "0.003"]) { TwoViews($0) }
  }
}
