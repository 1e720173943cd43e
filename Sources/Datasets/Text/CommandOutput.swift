import Basics
import Glibc

/// What a program of the search path prints.
///
/// - Throws: `Failure.badData` where there is no such program, or it ends with an error.
func commandOutput(_ program: String, _ arguments: [String], remedy: String) throws -> [UInt8] {
  var ends: [Int32] = [0, 0]
  guard pipe(&ends) == 0 else { throw systemFailure(program, remedy) }
  defer { close(ends[0]) }
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
  posix_spawn_file_actions_addclose(&actions, ends[0])
  posix_spawn_file_actions_addclose(&actions, ends[1])
  var words = ([program] + arguments).map { strdup($0) } + [nil]
  defer { words.forEach { free($0) } }
  var process: pid_t = 0
  let status = posix_spawnp(&process, program, &actions, nil, &words, environ)
  close(ends[1])
  guard status == 0 else {
    throw Failure.badData("\(program): \(String(cString: strerror(status)))", remedy: remedy)
  }
  var output: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = read(ends[0], &chunk, chunk.count)
    if count < 0 && errno == EINTR { continue }
    guard count > 0 else { break }
    output += chunk[..<count]
  }
  var code: Int32 = 0
  while waitpid(process, &code, 0) < 0 && errno == EINTR {}
  guard code == 0, !output.isEmpty else {
    throw Failure.badData(
      "\(program) \(arguments.joined(separator: " ")) printed \(output.count) bytes and ended with "
        + "status \(code >> 8 & 255)", remedy: remedy)
  }
  return output
}

private func systemFailure(_ program: String, _ remedy: String) -> Failure {
  .badData("\(program): \(String(cString: strerror(errno)))", remedy: remedy)
}
