import ArgumentParser
import Basics
import Glibc
import Reports
import Training

struct BenchZoo: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "zoo",
    abstract: "Every model: trained, checked for equal bits, timed against a peer.",
    discussion: """
      Start it without mpirun; it starts mpirun itself. A line a model: the test set's figure \
      (validation where there is none), training time on 2 ranks, a step's time and memory there \
      and the peer's, the ratio of samples a second, the same on 1 rank with half the batch, and \
      the SHA-256 of the weights after 20 steps at 1, 2, 4 and 8 ranks.

        swift-dist-train bench zoo --only mlp,cnn \\
          --peer 'torchrun --nproc-per-node {ranks} Tests/Peers/torch_ddp.py'
      """)

  @Option(help: "Models, with commas (default: all).")
  var only: String?

  @Option(
    help: """
      The peer's command, with {ranks} for the number of ranks; a workload's name, --fused and \
      --steps are appended.
      """)
  var peer: String?

  @Option(help: "Pairs of timings, whose medians are compared.")
  var rounds = 3

  @Flag(help: "Leave the training runs out.")
  var noTraining = false

  func run() throws {
    try Launcher.requireNone(for: "bench zoo")
    guard (1...101).contains(rounds) else {
      throw Failure.usage("rounds: \(rounds) is out of range", remedy: "Expected 1 to 101.")
    }
    if let peer, !peer.contains(ZooBenchmark.ranksPlace) {
      throw Failure.usage(
        "peer: '\(peer)' does not say \(ZooBenchmark.ranksPlace)",
        remedy: "It is timed on 2 ranks and on 1: write \(ZooBenchmark.ranksPlace) for the number.")
    }
    let console = Console(mode: .off, isQuiet: false)
    let rows = try chosenRows(console)
    let temporary = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(temporary)/dist-train-zoo.XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw Failure.cannotWrite("\(temporary): cannot make a folder there")
    }
    let folder = String(decoding: template.dropLast().map(UInt8.init), as: UTF8.self)
    defer { ZooBenchmark.remove(folder) }
    var benchmark = try ZooBenchmark(folder: folder)
    benchmark.peer = peer
    benchmark.rounds = rounds
    benchmark.trains = !noTraining
    for row in rows {
      let result = try benchmark.measure(row) { console.line("bench zoo: \($0)") }
      print(result.line)
      fflush(nil)
    }
  }

  private func chosenRows(_ console: Console) throws -> [ZooRow] {
    guard let only else {
      for row in ZooRow.all where !row.runsHere {
        console.line("bench zoo: \(row.name) is left out: this CPU lacks its instructions")
      }
      return ZooRow.all.filter(\.runsHere)
    }
    return try only.split(separator: ",").map { name in
      guard let row = ZooRow.all.first(where: { $0.name == name }) else {
        throw Failure.usage(
          "only: '\(name)' is no model of the zoo",
          remedy: "Models: \(ZooRow.all.map(\.name).joined(separator: ", ")).")
      }
      return row
    }
  }
}
