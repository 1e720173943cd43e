import Testing

extension Integration {
  /// Docker gives `/dev/shm` 64 MiB, and some less.
  @Suite struct SharedMemoryTests {
    /// In a mount namespace of its own, with a `/dev/shm` of `size`.
    private func prefix(_ size: String) -> [String] {
      [
        "unshare", "-m", "sh", "-c",
        "mount -t tmpfs -o size=\(size) tmpfs /dev/shm && exec \"$@\"", "sh",
      ]
    }

    static let mayUnshare =
      (try? Subject.tool("unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/dev/shm")) != nil

    /// Open MPI gives a single rank heap memory for a window. `MALLOC_PERTURB_` makes glibc fill
    /// what it hands out, so that nothing is zero by luck.
    @Test func `A lone rank starts from zeros`() throws {
      let folder = try TemporaryFolder(isOnDisk: true)
      let (plain, filled) = (folder.run("plain"), folder.run("filled"))
      let recipe = ["--stop-after", "20", "--threads", "1", "--ema"]
      try IntegrationTests.run(ranks: 1, expecting: 75, recipe + plain.option)
      try IntegrationTests.run(
        ranks: 1, expecting: 75, recipe + filled.option, environment: ["MALLOC_PERTURB_": "85"])
      for file in ["latest/model.safetensors", "latest/optimizer.safetensors"] {
        #expect(try plain.digest(file) == filled.digest(file), "\(file)")
      }
    }

    @Test(.enabled(if: mayUnshare, "mounting in a namespace of its own is not permitted here"))
    func `A small shared memory gives the same bits`() throws {
      let folder = try TemporaryFolder(isOnDisk: true)
      let (large, small) = (folder.run("large"), folder.run("small"))
      let recipe = [
        "--model", "mlp:1024,1024", "--steps", "3", "--logical-ranks", "3", "--threads", "1",
      ]
      let window = try IntegrationTests.run(ranks: 3, expecting: 0, recipe + large.option)
      #expect(window.stderr.contains("(window)"), "\(window)")
      // Open MPI itself takes 4 MiB a rank; parameters and gradients are more than what is left.
      let memfd = try IntegrationTests.run(
        ranks: 2, expecting: 0, recipe + small.option, prefix: prefix("16m"))
      #expect(memfd.stderr.contains("(memfd)"), "\(memfd)")
      #expect(try large.digest() == small.digest())
      let state = "latest/optimizer.safetensors"
      #expect(try large.digest(state) == small.digest(state))
    }

    @Test(.enabled(if: mayUnshare, "mounting in a namespace of its own is not permitted here"))
    func `Hardly any shared memory at all`() throws {
      let folder = try TemporaryFolder(isOnDisk: true)
      let outcome = try IntegrationTests.run(
        ranks: 3, expecting: 0, ["--epochs", "1"] + folder.run("run").option,
        prefix: prefix("64k"))
      #expect(outcome.stderr.contains("(memfd)"), "\(outcome)")
    }
  }
}
