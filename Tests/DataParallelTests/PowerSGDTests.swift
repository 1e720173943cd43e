import Basics
import DataParallel
import Testing

/// The ranks of several nodes, their messages added in place of MPI.
private final class Nodes {
  static let tensors = [
    TensorShape(elements: 0..<240, rows: 12), TensorShape(elements: 240..<247, rows: 1),
    TensorShape(elements: 256..<472, rows: 8),
    // Factors would not be shorter.
    TensorShape(elements: 480..<484, rows: 2), TensorShape(elements: 496..<616, rows: 40),
  ]
  static let count = 616
  static let matrices = [tensors[0], tensors[2], tensors[4]]
  static let whole = [tensors[1], tensors[3]]

  private let topology: Topology
  private let sums: [AlignedBuffer<Float>]
  private let ranks: [PowerSGD]

  init(_ sizes: [Int], rank: Int) {
    let topology = Topology(nodes: sizes)
    let sums = sizes.map { _ in AlignedBuffer<Float>(count: Self.count) }
    ranks = (0..<topology.rankCount).map {
      PowerSGD(
        Self.tensors, rank: rank, topology: topology, position: $0,
        sums: sums[topology.node(of: $0)].pointer)
    }
    self.topology = topology
    self.sums = sums
  }

  /// One step of `given` sums by node: what every node has then.
  func step(_ given: [[Float]]) -> [Float] {
    for (sum, values) in zip(sums, given) { _ = sum.elements.update(from: values) }
    for rank in ranks { rank.writeFirst() }
    addOverNodes(\.first)
    for rank in ranks { rank.writeSecond() }
    addOverNodes(\.second)
    for rank in ranks { rank.expand() }
    let results = sums.map { Array($0.elements) }
    for result in results {
      for tensor in Self.tensors {
        let pairs = zip(result[tensor.elements], results[0][tensor.elements])
        #expect(pairs.allSatisfy { $0 == $1 || $0.isNaN && $1.isNaN }, "on every node")
      }
    }
    return results[0]
  }

  private func addOverNodes(_ message: (PowerSGD) -> AlignedBuffer<Float>) {
    for local in 0..<(topology.nodes.map(\.count).min() ?? 0) {
      let lane = topology.nodes.map { message(ranks[$0.lowerBound + local]) }
      for element in 0..<lane[0].count {
        let total = lane.dropFirst().reduce(lane[0].pointer[element]) { $0 + $1.pointer[element] }
        for buffer in lane { buffer.pointer[element] = total }
      }
    }
  }

  func forget() { for rank in ranks { rank.forget() } }

  /// Of both messages of each node's ranks.
  var messageBytes: [Int] {
    topology.nodes.map { ranks[$0].reduce(0) { $0 + $1.first.byteCount + $1.second.byteCount } }
  }
}

@Suite struct PowerSGDTests {
  private static let random = Philox(seed: 3, purpose: .test)
  static let clusters = [[1, 1], [2, 2], [2, 1], [1, 3, 2], [3, 3, 4]]

  private func normal(_ stream: Int, _ element: Int) -> Float {
    Self.random.normal(UInt64(stream * 100_000 + element))
  }

  /// Of no structure.
  private func noise(_ stream: Int) -> [Float] { (0..<Nodes.count).map { normal(stream, $0) } }

  /// Every matrix of this rank, its columns in a space that all nodes share.
  private func gradient(node: Int, rank: Int, step: Int = 0) -> [Float] {
    var values = noise(1000 + node)
    for matrix in Nodes.matrices {
      for (index, element) in matrix.elements.enumerated() {
        let (row, column) = (index / matrix.columns, index % matrix.columns)
        values[element] = (0..<rank).reduce(0) {
          $0 + normal(step * 8 + $1, element - index + row)
            * normal(500 + node * 8 + $1, element - index + column)
        }
      }
    }
    return values
  }

  private func sum(_ given: [[Float]]) -> [Double] {
    (0..<Nodes.count).map { element in given.reduce(0) { $0 + Double($1[element]) } }
  }

  /// max |a − b| / max |b| of one tensor.
  private func error(
    _ found: [some BinaryFloatingPoint], _ expected: [Double], _ tensor: TensorShape
  )
    -> Double
  {
    let largest = tensor.elements.map { abs(expected[$0]) }.max() ?? 0
    return (tensor.elements.map { abs(Double(found[$0]) - expected[$0]) }.max() ?? 0) / largest
  }

  @Test(arguments: clusters, [1, 2, 4])
  func `A gradient of no higher rank is reproduced`(_ sizes: [Int], rank: Int) {
    let nodes = Nodes(sizes, rank: rank)
    // Also one of lower rank, and from what a gradient of zeros has left of the factors.
    let ranks = [rank, max(1, rank - 1), 0, rank]
    for (step, rank) in ranks.enumerated() {
      let given = sizes.indices.map { gradient(node: $0, rank: rank, step: step) }
      let found = nodes.step(given)
      let expected = sum(given)
      for matrix in Nodes.matrices {
        if rank == 0 {
          #expect(matrix.elements.allSatisfy { abs(found[$0]) < 1e-4 }, "nothing but rounding")
        } else {
          #expect(error(found, expected, matrix) < 1e-5, "step \(step), rank \(rank)")
        }
      }
      for tensor in Nodes.whole {
        for element in tensor.elements {
          #expect(
            found[element] == given.dropFirst().reduce(given[0][element]) { $0 + $1[element] })
        }
      }
    }
  }

  /// Steps of zeros fetch what is left: no more than the least dimension has directions.
  @Test(arguments: clusters) func `What is left out comes later`(_ sizes: [Int]) {
    let nodes = Nodes(sizes, rank: 2)
    var given = [Double](repeating: 0, count: Nodes.count)
    var delivered = given
    var missing = 0.0
    for step in 0..<60 {
      let values = sizes.indices.map {
        step < 20 ? noise(step * 8 + $0) : [Float](repeating: 0, count: Nodes.count)
      }
      let found = nodes.step(values)
      for (element, value) in sum(values).enumerated() {
        given[element] += value
        delivered[element] += Double(found[element])
      }
      if step == 19 { missing = error(delivered, given, Nodes.matrices[0]) }
    }
    #expect(missing > 0.1, "two directions of twelve are not all")
    for tensor in Nodes.tensors { #expect(error(delivered, given, tensor) < 1e-5) }
  }

  @Test func `A run begins anew`() {
    let (used, fresh) = (Nodes([2, 1], rank: 2), Nodes([2, 1], rank: 2))
    let values = [noise(1), noise(2)]
    let first = fresh.step(values)
    #expect(used.step(values) == first)
    #expect(used.step(values) != first, "there are errors, and better factors")
    used.forget()
    #expect(used.step(values) == first)
  }

  /// Whatever the cluster, and however its ranks share the tensors.
  @Test(arguments: clusters, [1, 2, 4])
  func `Its bytes are those of its messages`(_ sizes: [Int], rank: Int) {
    let bytes = Nodes(sizes, rank: rank).messageBytes
    let expected = Compression.powerSGD(rank: rank).sumBytes(
      blocks: Nodes.tensors.map(\.elements), tensors: Nodes.tensors)
    #expect(bytes.allSatisfy { $0 == expected }, "\(bytes)")
    #expect(expected < 4 * Nodes.count)
  }

  @Test func `What is no number is seen`() {
    for bad in [Float.nan, .infinity] {
      let nodes = Nodes([1, 1], rank: 2)
      var values = [noise(1), noise(2)]
      values[1][17] = bad
      let found = nodes.step(values)
      #expect(found[0..<240].contains { !$0.isFinite })
    }
  }
}
