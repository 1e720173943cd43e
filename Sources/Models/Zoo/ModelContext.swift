/// What a model is made for: the shape of one sample and the number of outputs.
public struct ModelContext: Sendable {
  /// Without the batch: `[1, 28, 28]` for grey images.
  public let sampleShape: [Int]
  /// Classes, or target values of a regression.
  public let outputs: Int
  /// Where samples are tokens below it and not numbers.
  public let vocabulary: Int?

  public init(sampleShape: [Int], outputs: Int, vocabulary: Int? = nil) {
    self.sampleShape = sampleShape
    self.outputs = outputs
    self.vocabulary = vocabulary
  }

  var features: Int { sampleShape.reduce(1, *) }

  /// Channels, height and width of a sample; the shape rules refuse a sample that is no image.
  var image: (channels: Int, height: Int, width: Int) {
    sampleShape.count == 3 ? (sampleShape[0], sampleShape[1], sampleShape[2]) : (1, 1, 1)
  }
}
