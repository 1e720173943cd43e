import Basics
import Foundation
import TestSupport
import Testing
import Training

@Suite struct CheckpointStoreTests {
  private let sample: SampleRun
  private let manager = FileManager.default

  init() throws { sample = try SampleRun() }

  private func found(_ request: String, warnings: Int = 0) throws -> Int? {
    var warned = 0
    let step = try StoredCheckpoint.find(request, run: sample.run.path) { _ in warned += 1 }?
      .checkpoint.state.step
    #expect(warned == warnings)
    return step
  }

  private func entries() throws -> [String] {
    try manager.contentsOfDirectory(atPath: sample.run.checkpoints).sorted()
  }

  @Test func writesAndFinds() throws {
    let written = try sample.write(3)
    try sample.write(4, best: [3])
    #expect(written.byteCount > 2 * 18 * 4)
    #expect(try entries() == [".made", "step_00000003", "step_00000004"])
    #expect(try found("latest") == 4)
    #expect(try found("best") == 3)
    #expect(try found(sample.path(3)) == 3)
    #expect(try found(sample.run.path) == 4)
  }

  @Test func keepsTheLastTheBestAndMultiples() throws {
    #expect(
      Retention(last: 2, best: [3], every: 5).superfluous(Array(1...12)) == [1, 2, 4, 6, 7, 8, 9])
    // Saved at multiples of 4: 8 and 12 are the first after 5 and 10.
    #expect(
      Retention(last: 1, best: [], every: 5, roundSteps: 4)
        .superfluous(Array(stride(from: 4, through: 24, by: 4))) == [4])
    #expect(Retention(last: 1, best: [], every: nil).superfluous([1, 2]) == [1])
    #expect(Retention(last: 3, best: [], every: nil).superfluous([1, 2]) == [])
    for step in 1...6 { try sample.write(step, keep: 1, best: step < 2 ? [] : [2], every: 3) }
    #expect(sample.run.steps() == [2, 3, 6])
  }

  /// Another branch's checkpoints are none of the last ones.
  @Test func keepsTheLastOfItsOwnBranch() throws {
    for step in [1, 2, 3, 4, 5] { try sample.write(step) }
    try sample.write(3, keep: 2, abandoned: [3, 4, 5])
    #expect(sample.run.steps() == [2, 3])
  }

  /// A copied, changed or foreign folder is not the run's to delete.
  @Test func deletesOnlyItsOwn() throws {
    let (copied, noted, changed) = (sample.path(9), sample.path(2), sample.path(3))
    for step in [1, 2, 3, 4] { try sample.write(step) }
    try manager.copyItem(atPath: sample.path(1), toPath: copied)
    try Data("mine".utf8).write(to: URL(fileURLWithPath: noted + "/notes.txt"))
    try Data("mine".utf8).write(to: URL(fileURLWithPath: changed + "/SHA256SUMS"))
    try sample.write(5, keep: 1, abandoned: [9])
    #expect(sample.run.steps() == [2, 3, 5, 9])
    #expect(try manager.contentsOfDirectory(atPath: noted).count == 5)
  }

  /// The same step again: an own checkpoint is replaced, anything else set aside, twice if need be.
  @Test func makesWay() throws {
    #expect(try sample.write(7).warning == nil)
    #expect(try sample.write(7).warning == nil)
    #expect(try entries() == [".made", "step_00000007"])
    for aside in ["step_00000008.aside", "step_00000008.aside-2"] {
      try? manager.removeItem(atPath: sample.path(8))
      try manager.createDirectory(atPath: sample.path(8), withIntermediateDirectories: false)
      #expect(try sample.write(8).warning?.contains(aside) == true)
      #expect(try entries().contains(aside))
      #expect(try found("latest") == 8)
    }
  }

  @Test func cleansUpWhatAKilledSaveLeft() throws {
    try sample.write(1)
    try sample.write(2)
    let folder = sample.run.checkpoints
    // Killed between the two renames of a replacement, and in the middle of another save.
    try manager.moveItem(atPath: sample.path(2), toPath: folder + "/.step_00000002.old")
    try manager.copyItem(atPath: sample.path(1), toPath: folder + "/.step_00000001.old")
    try manager.copyItem(atPath: sample.path(1), toPath: folder + "/.step_00000003.new")
    try manager.copyItem(atPath: sample.path(1), toPath: folder + "/.step_00000004.new")
    try Data().write(to: URL(fileURLWithPath: folder + "/.step_00000004.new/mine"))
    #expect(try found("latest", warnings: 1) == 1)
    var run = sample.run
    try run.prepare()
    #expect(
      try entries() == [".made", ".step_00000004.new", "step_00000001", "step_00000002"])
    #expect(try found("latest") == 2)
  }

  /// Also the temporary folder goes: it may be what has filled the disk.
  @Test func aFailedSaveLeavesNothing() throws {
    try sample.write(1)
    try manager.removeItem(atPath: sample.run.checkpoints + "/.made")
    try manager.createDirectory(
      atPath: sample.run.checkpoints + "/.made", withIntermediateDirectories: false)
    #expect(failure { try sample.write(3) }?.kind == .cannotWrite)
    sample.spoilWeights()
    #expect(failure { try sample.write(4) }?.message.contains("finite") == true)
    #expect(try entries() == [".made", "step_00000001"])
    #expect(try found("latest") == 1)
  }

  @Test func linksLeadNowhereElse() throws {
    try sample.write(1)
    try sample.write(2)
    let latest = sample.run.path + "/latest"
    let targets = [
      "../../etc", "/etc", "checkpoints/../../x", "checkpoints/.step_00000001", "checkpoints/x",
      "latest",
    ]
    for target in targets {
      try manager.removeItem(atPath: latest)
      try manager.createSymbolicLink(atPath: latest, withDestinationPath: target)
      #expect(failure { _ = try found("latest") }?.message.contains(target) == true)
    }
    try manager.removeItem(atPath: latest)
    #expect(try found("latest") == 2, "no link, as in a copy")
    try manager.createSymbolicLink(
      atPath: latest, withDestinationPath: "checkpoints/step_00000009")
    #expect(try found("latest", warnings: 1) == 2, "the link's checkpoint is gone")

    // A file of a checkpoint that lies elsewhere.
    let (file, elsewhere) = (sample.path(2) + "/state.json", sample.folder.path + "/elsewhere")
    try manager.moveItem(atPath: file, toPath: elsewhere)
    try manager.createSymbolicLink(atPath: file, withDestinationPath: elsewhere)
    #expect(failure { _ = try found(sample.path(2)) }?.message.contains("a link") == true)
  }

  /// A branch that was left lies behind the link, not before it.
  @Test func latestIsWhatTheLinkSays() throws {
    try sample.write(5)
    try sample.write(3)
    #expect(try found("latest") == 3)
  }
}
