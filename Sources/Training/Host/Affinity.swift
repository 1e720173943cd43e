package import DataParallel
import CKernels
import Glibc
import MPI

/// The cores this node's ranks may run on, from their affinity masks.
package struct Affinity: Sendable {
  /// Cores of this rank's mask.
  package let ownCores: Int
  /// Ranks of this node whose masks meet this rank's, itself included.
  package let sharers: Int
  /// Cores of all masks of this node together.
  package let nodeCores: Int
  /// Cores that the launcher may use on this host.
  private let launcherCores: Int
  private let ranks: Int

  /// Threads a rank starts where the user does not say: as many as it may without taking
  /// another's core, and as its share of a step keeps busy.
  ///
  /// Below about 50 MFLOP a thread, starting and joining a team costs more than it brings, and on
  /// a busy host libgomp's spinning costs very much more.
  /// - Parameters:
  ///   - parameters: of the model; a dense layer takes 6 operations each and sample.
  ///   - samples: of the largest leaf.
  package func threads(parameters: Int, samples: Int) -> Int {
    let work = 6 * Double(parameters) * Double(samples)
    return max(1, min(ownCores / sharers, Int(min(work / 50e6, 4096))))
  }

  /// What is wrong with where the ranks of this host may run, with the remedy.
  package var advice: String? {
    if sharers > ownCores && launcherCores >= ranks {
      return "\(sharers) ranks share \(ownCores) core(s) of this host's \(launcherCores): start "
        + "them with mpirun --bind-to none"
    }
    if ownCores == 1 && launcherCores > nodeCores {
      return "each rank is bound to one core, and \(launcherCores - nodeCores) of this host's "
        + "\(launcherCores) stay idle: use mpirun --bind-to none, or --map-by slot:PE=N"
    }
    return nil
  }

  /// What is wrong with threads that outnumber the cores, with the remedy: they wait for each other
  /// by spinning, and a step takes many times as long. Ranks of one thread only share the cores.
  package func advice(threads: Int) -> String? {
    guard threads > 1, threads * ranks > nodeCores else { return nil }
    let best = max(1, nodeCores / ranks)
    return
      "\(ranks) rank(s) of \(threads) threads share \(nodeCores) core(s), which makes each step "
      + "many times as long: use --threads \(best), or fewer ranks"
  }

  /// Collective: every rank of the node.
  package init(_ group: RankGroup) throws {
    let words = 16
    var own = [UInt64](repeating: 0, count: words)
    if ck_affinity_mask(0, &own, Int32(words)) != 0 { own[0] = 1 }
    var all = [UInt64](repeating: 0, count: words * group.node.size)
    try own.withUnsafeBufferPointer { mine in
      try all.withUnsafeMutableBufferPointer { try group.node.allgather(mine, into: $0) }
    }
    var union = own
    var meeting = 0
    for rank in 0..<group.node.size {
      let mask = all[rank * words..<(rank + 1) * words]
      if zip(mask, own).contains(where: { $0 & $1 != 0 }) { meeting += 1 }
      for (index, word) in mask.enumerated() { union[index] |= word }
    }
    ownCores = own.reduce(0) { $0 + $1.nonzeroBitCount }
    nodeCores = union.reduce(0) { $0 + $1.nonzeroBitCount }
    sharers = max(1, meeting)
    ranks = group.node.size
    var launcher = [UInt64](repeating: 0, count: words)
    let error = ck_affinity_mask(getppid(), &launcher, Int32(words))
    launcherCores = error == 0 ? launcher.reduce(0) { $0 + $1.nonzeroBitCount } : nodeCores
  }
}
