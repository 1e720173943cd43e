import Basics
import TestSupport
import Testing
import Training

@Suite struct FileWriterTests {
  @Test func aFileIsReplacedWholeOrNotAtAll() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/a.txt"
    let beside = folder.path + "/.a.txt.new"
    try FileWriter.replace(path) { try $0.write("old") }
    let refused = failure {
      try FileWriter.replace(path) { writer in
        try writer.write("ne")
        #expect(try readTextFile(path) == "old")
        throw Failure.cannotWrite("no space")
      }
    }
    #expect(refused?.message == "no space")
    #expect(try readTextFile(path) == "old")
    #expect(failure { _ = try readFile(beside) } != nil, "half a file is left")
    try FileWriter.replace(path) { try $0.write("new") }
    #expect(try readTextFile(path) == "new")
    #expect(failure { _ = try readFile(beside) } != nil)
  }

  @Test func aFolderThatIsNotThereIsSaid() throws {
    let folder = try TemporaryFolder()
    let refused = failure { try FileWriter.replace(folder.path + "/none/a.txt") { _ in } }
    #expect(refused?.kind == .cannotWrite && refused?.message.contains("none/.a.txt.new") == true)
  }
}
