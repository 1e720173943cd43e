import Basics
import Foundation
import TestSupport
import Testing
import Training

@Suite struct RunLockTests {
  @Test func oneJobARun() throws {
    let folder = try TemporaryFolder()
    do {
      let lock = try RunLock(folder: folder.path)
      let refused = failure { _ = try RunLock(folder: folder.path, patienceSeconds: 0) }
      #expect(refused?.kind == .usage)
      #expect(refused?.message.contains("process \(getpid()) on host") == true)
      withExtendedLifetime(lock) {}
    }
    #expect(
      failure { _ = try RunLock(folder: folder.path, patienceSeconds: 0) } == nil, "given back")
  }

  /// Who starts the same new run twice is not told to delete the one under way.
  @Test func aLiveRunIsNotToBeDeleted() throws {
    let folder = try TemporaryFolder()
    var second = RunFolder(folder.path)
    do {
      let lock = try RunLock(folder: folder.path)
      let refused = failure { try second.create() }
      #expect(refused?.message.contains("is being written by process \(getpid())") == true)
      withExtendedLifetime(lock) {}
    }
    #expect(failure { try second.create() }?.message == "run: \(folder.path) exists")
  }

  @Test func jobEnd() throws {
    #expect(JobEnd.parse("90s") == 90 && JobEnd.parse("1.5min") == 90 && JobEnd.parse("2h") == 7200)
    func end(_ limit: Double?, slurm: String?) -> Double? {
      JobEnd.seconds(limit: limit, startedNanoseconds: 5_000_000_000) {
        $0 == "SLURM_JOB_END_TIME" ? slurm : nil
      }
    }
    #expect(end(nil, slurm: nil) == nil)
    #expect(end(60, slurm: nil) == 65)
    #expect(end(60, slurm: "17") == 65, "left over from a job long gone")
    #expect(end(nil, slurm: "soon") == nil)
    let now = Double(DispatchTime.now().uptimeNanoseconds) / 1e9
    let later = try #require(end(nil, slurm: "\(Int(Date().timeIntervalSince1970) + 100)"))
    #expect(abs(later - now - 100) < 3)
    #expect(end(1e12, slurm: "\(Int(Date().timeIntervalSince1970) + 100)") != 1e12 + 5)
  }
}
