import Basics
import COneDNN

/// How an image `[batch, channels, height, width]` lies in memory.
///
/// Shapes are PyTorch's everywhere; only the order in memory changes. Data comes, and flattened
/// features go, channels first. Convolutions, pooling and norms work channels last: measured on
/// the convolutions of ResNet-20 it is as fast as the blocked layouts oneDNN would choose (95 and
/// 97 ms for forward and backward of 64 images), at any number of channels, without padding and
/// without layouts to carry through the graph.
package enum ImageLayout: Sendable { case channelsFirst, channelsLast }

/// How an operation wants its images.
package enum ImageUse: Sendable {
  /// Inputs and result as PyTorch has them.
  case channelsFirst
  /// Element by element: all inputs and the result like the first input.
  case any
  /// The result and the first `images` inputs channels last; other inputs are no images.
  case channelsLast(images: Int)

  func layout(followed first: ImageLayout) -> ImageLayout {
    switch self {
    case .channelsFirst: .channelsFirst
    case .any: first
    case .channelsLast: .channelsLast
    }
  }

  /// How many inputs are converted; nil for all.
  var imageCount: Int? {
    if case .channelsLast(let images) = self { images } else { nil }
  }
}

/// The same image in the other layout. Free where it has one channel or one pixel.
struct LayoutChange: Operation {
  let target: ImageLayout

  init(to target: ImageLayout) { self.target = target }

  var name: String { target == .channelsLast ? "channels last" : "channels first" }
  var backwardReads: BackwardReads { [] }

  func outputShape(_ inputs: [Shape]) throws(ShapeMismatch) -> Shape { inputs[0] }

  func isView(of inputs: [Shape], in mode: Plan.Mode) -> Bool { isView(inputs[0]) }

  private func isView(_ shape: Shape) -> Bool { shape[1] == 1 || shape[2] * shape[3] == 1 }

  func compile(_ site: Site) throws -> CompiledOperation {
    let shape = site.outputShape
    if isView(shape) { return compileView(site) }
    let first = try plainDescriptor(shape.extents)
    let last = try channelsLastDescriptor(shape)
    let (from, to) = target == .channelsLast ? (first, last) : (last, first)
    let forward = try reorder(
      site.inputs[0], from, to: site.output, to, site: site, during: .forward)
    guard let upstream = site.outputGradient, let target = site.inputGradients[0] else {
      return CompiledOperation(forward: [forward])
    }
    let (result, addition) = accumulation(into: target, count: shape.count, site)
    let backward = try reorder(upstream, to, to: result, from, site: site, during: .backward)
    return CompiledOperation(forward: [forward], backward: [backward] + addition)
  }
}
