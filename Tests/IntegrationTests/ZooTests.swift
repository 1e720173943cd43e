import Foundation
import Testing

extension Integration {
  /// `bench zoo` starts mpirun itself, so it is started without.
  @Suite struct ZooTests {
    /// The words of the line of `row`, by key.
    private func line(of row: String, peer: String) throws -> [String: String] {
      let output = try Subject.tool(
        try Subject.path(), "bench", "zoo", "--only", row, "--no-training", "--rounds", "1",
        "--peer", peer)
      let pairs = output.split(whereSeparator: \.isWhitespace).map {
        $0.split(separator: "=", maxSplits: 1).map(String.init)
      }
      return Dictionary(uniqueKeysWithValues: pairs.map { ($0[0], $0[1]) })
    }

    @Test func `A line of the zoo`() throws {
      let values = try line(of: "logistic", peer: "echo {ranks} figures nobody reads #")
      #expect(values["model"] == "logistic" && values["ranks"] == "1,2,4,8", "\(values)")
      #expect(values["sha256"]?.count == 12 && values["sha256"] != "DIFFERS", "\(values)")
      #expect(values["step_ms"] != nil && values["step_1_ms"] != nil, "\(values)")
      #expect(values["peer_step_ms"] == nil && values["ratio_1"] == nil, "logistic has no peer")
    }

    @Test func `Ratios count samples on two ranks and on one`() throws {
      // A peer of 0.032 samples a millisecond on any number of ranks.
      let values = try line(of: "mlp", peer: "echo step_ms={ranks}000 batch=32 rss_mb=12 #")
      #expect(values["peer_step_ms"] == "2000.0000" && values["peer_rss_mb"] == "12", "\(values)")
      #expect(values["peer_step_1_ms"] == "1000.0000", "\(values)")
      for (step, ratio, batch) in [("step_ms", "ratio", 64.0), ("step_1_ms", "ratio_1", 32.0)] {
        let milliseconds = try #require(values[step].flatMap(Double.init))
        let found = try #require(values[ratio].flatMap(Double.init))
        let samples = found * 0.032 * milliseconds
        // The time is printed with four decimals of some 0.1 ms.
        #expect(abs(samples - batch) < 0.002 * batch, "\(values)")
      }
    }

    @Test func `A row of bfloat16 asks the peer for it`() throws {
      guard try PrecisionTests.rounding().contains("bf16") else { return }
      let figures = "echo step_ms={ranks} batch=128 rss_mb=1"
      let expected = "mlp-wide --bf16 --fused --steps 40"
      let values = try line(
        of: "mlp-wide-bf16", peer: "sh -c 'test \"$*\" = \"\(expected)\" && \(figures)' peer")
      #expect(values["peer_step_1_ms"] == "1.0000", "\(values)")
      #expect(values["sha256"]?.count == 12 && values["sha256"] != "DIFFERS", "\(values)")
    }

    @Test func `What ends it`() throws {
      for (environment, words, code, text) in [
        ([], ["--only", "mlp,nonesuch"], 64, "'nonesuch' is no model of the zoo"),
        ([], ["--rounds", "0"], 64, "rounds: 0 is out of range"),
        ([], ["--only", "mlp", "--no-training", "--peer", "peer.py"], 64, "does not say {ranks}"),
        (
          [], ["--only", "mlp", "--no-training", "--peer", "echo {ranks} figures; exit 3 #"], 70,
          "ended with 3"
        ),
        (
          [], ["--only", "mlp", "--no-training", "--peer", "echo {ranks} figures #"], 70,
          "no step_ms"
        ),
        // A row of bfloat16 trains in it: an older CPU says no.
        (
          ["ONEDNN_MAX_CPU_ISA=AVX2"], ["--only", "mlp-wide-bf16", "--no-training"], 70,
          "no instructions for bf16"
        ),
      ] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = environment + [try Subject.path(), "bench", "zoo"] + words
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
