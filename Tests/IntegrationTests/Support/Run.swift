import Testing

/// One start of the program and the exit code that it must end with.
struct Launch {
  let ranks: Int
  let arguments: [String]
  let code: Int32

  init(ranks: Int, expecting code: Int32, _ arguments: [String]) {
    self.ranks = ranks
    self.arguments = arguments
    self.code = code
  }
}

/// Runs the program to its end, whatever that is.
func run(
  ranks: Int, _ arguments: [String], prefix: [String] = [], environment: [String: String] = [:],
  timeout: Double = 120, at place: SourceLocation = #_sourceLocation
) throws -> Outcome {
  try Job(ranks: ranks, arguments, prefix: prefix, environment: environment)
    .finish(timeout: timeout, at: place)
}

/// Runs the program and requires an exit code.
@discardableResult
func run(
  ranks: Int, expecting code: Int32, _ arguments: [String], prefix: [String] = [],
  environment: [String: String] = [:], timeout: Double = 120,
  at place: SourceLocation = #_sourceLocation
) throws -> Outcome {
  let outcome = try run(
    ranks: ranks, arguments, prefix: prefix, environment: environment, timeout: timeout, at: place)
  try #require(outcome.code == code, "\(arguments): \(outcome)", sourceLocation: place)
  return outcome
}

/// Runs all of `launches`, some at the same time: mpirun takes a second of doing nothing to end a
/// job whose ranks did not return 0. Records an issue for every other code than expected.
@discardableResult
func runAll(
  _ launches: [Launch], timeout: Double = 120, at place: SourceLocation = #_sourceLocation
) throws -> [Outcome] {
  var waiting: [(Launch, Job)] = []
  var outcomes: [Outcome] = []
  func finishFirst() throws {
    let (launch, job) = waiting.removeFirst()
    let outcome = try job.finish(timeout: timeout, at: place)
    #expect(outcome.code == launch.code, "\(launch.arguments): \(outcome)", sourceLocation: place)
    outcomes.append(outcome)
  }
  for launch in launches {
    if waiting.count == 8 { try finishFirst() }
    waiting.append((launch, try Job(ranks: launch.ranks, launch.arguments)))
  }
  while !waiting.isEmpty { try finishFirst() }
  return outcomes
}
