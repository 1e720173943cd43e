import Basics
import DataParallel
import Testing

/// A sender on one node and the owners of its messages on others, without MPI between them.
private final class Link {
  let division: WorkDivision
  let sums: AlignedBuffer<Float>
  let served: [Int]
  private let sender: SumCompressor
  private let receivers: [SumCompressor]

  /// Blocks of odd lengths, padding between them.
  private static let lengths = [5, 1, 100, 33, 64, 17, 128, 7, 90, 16, 31, 1, 48]
  private static let blocks = (lengths + [4096, 500] + lengths).reduce(into: []) {
    (blocks: inout [Range<Int>], length: Int) in
    let start = ((blocks.last?.upperBound ?? 0) + 15) / 16 * 16
    blocks.append(start..<(start + length))
  }
  var count: Int { sums.count }

  init(nodes: [Int], position: Int, format: WireFormat) {
    let topology = Topology(nodes: nodes)
    division = WorkDivision(
      topology: topology, tree: CanonicalTree(leafCount: 4, groupSize: 4), blocks: Self.blocks,
      bucketElements: 700)
    sums = AlignedBuffer(count: Self.blocks[Self.blocks.count - 1].upperBound)
    served = topology.served(by: position)
    sender = SumCompressor(
      division, position: position, format: format, sums: [sums.pointer], inboxCount: 0)
    let division = division
    receivers = served.map {
      SumCompressor(division, position: $0, format: format, sums: [], inboxCount: 1)
    }
  }

  /// Elements that the sender sends to anyone.
  var sentElements: [Int] {
    division.slices.flatMap { slices in served.flatMap { slices[$0] } }
      .flatMap { Self.blocks[$0] }
  }

  /// One step: what arrives, 0 where nothing is sent.
  func send(_ values: [Float], isSkipped: Bool = false) -> [Float] {
    _ = sums.elements.update(from: values)
    var result = [Float](repeating: 0, count: values.count)
    for (bucket, slices) in division.slices.enumerated() {
      for (receiver, owner) in served.enumerated() {
        let inbox = receivers[receiver].inbox(0, bucket: bucket)
        inbox.copyMemory(from: sender.message(sum: 0, bucket: bucket, receiver: receiver))
        for block in slices[owner] {
          receivers[receiver].open(block: block, bucket: bucket)
          for (index, element) in Self.blocks[block].enumerated() {
            result[element] = receivers[receiver].values(0, block: block, bucket: bucket)[index]
          }
        }
      }
    }
    if !isSkipped { sender.keepErrors() }
    return result
  }

  func forgetErrors() { sender.forgetErrors() }
}

@Suite struct SumCompressorTests {
  private static let random = Philox(seed: 7, purpose: .test)

  /// Sums of gradients of many sizes.
  private func sums(step: Int, count: Int) -> [Float] {
    (0..<count).map {
      Self.random.normal(UInt64(step * count + $0)) * (1 + Float($0 % 7) * Float($0 % 7))
    }
  }

  /// Unequal nodes, ranks that serve several others, and one that serves none.
  static let places = [
    ([1, 1], 0), ([1, 1], 1), ([2, 2], 1), ([1, 3], 0), ([3, 1], 2), ([1, 2, 1], 1),
  ]

  /// Σ delivered = Σ sums once zeros have fetched the last errors, but for the rounding of the
  /// floats s + e; without feedback it would be a thousand times as far away.
  @Test(arguments: WireFormat.allCases, places) func `What is rounded away comes later`(
    _ format: WireFormat, place: (nodes: [Int], position: Int)
  ) {
    let link = Link(nodes: place.nodes, position: place.position, format: format)
    var given = [Double](repeating: 0, count: link.count)
    var delivered = given
    let steps = 40
    for step in 0..<(steps + 8) {
      let values = step < steps ? sums(step: step, count: link.count) : given.map { _ in 0 }
      let result = link.send(values)
      for element in 0..<link.count {
        given[element] += Double(values[element])
        delivered[element] += Double(result[element])
      }
    }
    let elements = link.sentElements
    #expect(Set(elements).count == elements.count)
    #expect(elements.isEmpty == link.served.isEmpty)
    let error = elements.map { abs(delivered[$0] - given[$0]) }.max() ?? 0
    // 40 roundings of numbers up to 200: half a unit of 2^7's last place each.
    #expect(error <= 40 * 0x1p-17, "\(error)")
    let others = Set(0..<link.count).subtracting(elements)
    #expect(others.allSatisfy { delivered[$0] == 0 })
  }

  /// Whatever was sent in it: the step did not happen.
  @Test(arguments: WireFormat.allCases) func `A skipped step leaves no trace`(
    _ format: WireFormat
  ) {
    let (plain, skipping) = (
      Link(nodes: [1, 1], position: 0, format: format),
      Link(nodes: [1, 1], position: 0, format: format)
    )
    for step in 0..<5 {
      let values = sums(step: step, count: plain.count)
      var bad = values
      for element in stride(from: 0, to: bad.count, by: 3) { bad[element] = .nan }
      let lost = skipping.send(bad, isSkipped: true)
      #expect(lost.contains { $0.isNaN }, "a NaN arrives as one")
      #expect(skipping.send(values) == plain.send(values))
    }
  }

  @Test(arguments: WireFormat.allCases) func `Errors are forgotten`(_ format: WireFormat) {
    let (used, fresh) = (
      Link(nodes: [1, 1], position: 0, format: format),
      Link(nodes: [1, 1], position: 0, format: format)
    )
    let values = sums(step: 0, count: used.count)
    let first = used.send(values)
    #expect(used.send(values) != first, "there are errors")
    used.forgetErrors()
    #expect(used.send(values) == first)
    #expect(fresh.send(values) == first)
  }
}
