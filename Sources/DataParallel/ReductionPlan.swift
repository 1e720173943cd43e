/// The additions one rank does in a step, planned once: where every term and every sum lies.
struct ReductionPlan {
  enum Place {
    /// A slot of the node's window.
    case slot(Int)
    /// What another node has sent.
    case inbox(Int)
    case temporary(Int)
  }

  typealias Addition = (target: Place, left: Place, right: Place)

  /// From the own node's slots to the sums that other nodes get, left in the slots `sumSlots`.
  let nodeAdditions: [Addition]
  let sumSlots: [Int]
  /// From the own node's slots and the other nodes' sums to the root.
  let additions: [Addition]
  let result: Place
  let temporaryCount: Int
  /// Sums that all other nodes send, in the order of the nodes.
  let inboxCount: Int

  /// - Parameter addsNodes: whether the nodes' sums are added here, in canonical order; else each
  ///   node makes one sum, and the whole one arrives in an inbox.
  init(_ division: WorkDivision, position: Int, addsNodes: Bool = true) {
    if !addsNodes {
      let slots = division.published(on: division.topology.node(of: position)).indices
      nodeAdditions = slots.dropFirst().map { (Place.slot(0), Place.slot(0), Place.slot($0)) }
      sumSlots = slots.isEmpty ? [] : [0]
      additions = []
      result = .inbox(0)
      temporaryCount = 0
      inboxCount = 1
      return
    }
    let tree = division.tree
    let node = division.topology.node(of: position)
    let published = division.published(on: node)
    var places: [Int: Place] = [:]
    for (slot, node) in published.enumerated() { places[node] = .slot(slot) }
    var temporaryCount = 0
    func place(of node: Int) -> Place {
      guard let place = places[node] else { preconditionFailure("sum \(node) lies nowhere") }
      return place
    }
    func plan(_ steps: [(node: Int, left: Int, right: Int)]) -> [Addition] {
      steps.map { step in
        let target = Place.temporary(temporaryCount)
        temporaryCount += 1
        places[step.node] = target
        return (target, place(of: step.left), place(of: step.right))
      }
    }

    var nodeAdditions: [Addition] = []
    sumSlots = division.sums(of: node).map { sum in
      let start = tree.nodes[sum].leaves.lowerBound
      // The leftmost term's slot: it has been read when the sum is written there.
      guard let slot = published.firstIndex(where: { tree.nodes[$0].leaves.lowerBound == start })
      else { preconditionFailure("sum \(sum) begins with no published one") }
      var steps = plan(tree.additions(from: published, to: sum))
      if let last = steps.popLast() { steps.append((.slot(slot), last.left, last.right)) }
      nodeAdditions += steps
      return slot
    }
    self.nodeAdditions = nodeAdditions

    let sent = division.topology.nodes.indices.filter { $0 != node }.flatMap(division.sums(of:))
    for (index, sum) in sent.enumerated() { places[sum] = .inbox(index) }
    inboxCount = sent.count
    additions = plan(tree.additions(from: published + sent))
    result = place(of: tree.root)
    self.temporaryCount = temporaryCount
  }
}
