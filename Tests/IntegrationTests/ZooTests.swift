import Foundation
import Testing

extension Integration {
  /// `bench zoo` starts mpirun itself, so it is started without.
  @Suite struct ZooTests {
    @Test func `A line of the zoo`() throws {
      // The peer is a command that prints what a peer prints.
      let peer = "echo step_ms=1000 rss_mb=12 #"
      let output = try Subject.tool(
        try Subject.path(), "bench", "zoo", "--only", "logistic", "--no-training", "--rounds",
        "1", "--peer", peer)
      let pairs = output.split(whereSeparator: \.isWhitespace).map {
        $0.split(separator: "=", maxSplits: 1).map(String.init)
      }
      let values = Dictionary(uniqueKeysWithValues: pairs.map { ($0[0], $0[1]) })
      #expect(values["model"] == "logistic" && values["ranks"] == "1,2,4,8", "\(output)")
      #expect(values["sha256"]?.count == 12 && values["sha256"] != "DIFFERS", "\(output)")
      #expect(values["peer_step_ms"] == nil, "logistic has no peer")
      let mlp = try Subject.tool(
        try Subject.path(), "bench", "zoo", "--only", "mlp", "--no-training", "--rounds", "1",
        "--peer", peer)
      #expect(mlp.contains("peer_step_ms=1000.0000 peer_rss_mb=12 ratio="), "\(mlp)")
    }

    @Test func `A model the zoo has not, and a peer that fails`() throws {
      for (words, code, text) in [
        (["--only", "mlp,nonesuch"], 64, "'nonesuch' is no model of the zoo"),
        (["--rounds", "0"], 64, "rounds: 0 is out of range"),
        (
          ["--only", "mlp", "--no-training", "--peer", "echo no figures; exit 3 #"], 70,
          "ended with 3"
        ),
        (["--only", "mlp", "--no-training", "--peer", "echo no figures #"], 70, "no step_ms"),
      ] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try Subject.path())
        process.arguments = ["bench", "zoo"] + words
        let pipe = Pipe()
        process.standardError = pipe
        try process.run()
        let error = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == Int32(code), "\(words)")
        #expect(String(decoding: error, as: UTF8.self).contains(text), "\(words)")
      }
    }
  }
}
