import Dispatch

/// One piece of work at a time on a thread of its own, handed over and collected by one other.
///
/// Unchecked: `result` is written before the semaphore is signalled and read after it was waited
/// for.
final class BackgroundTask<Result: Sendable>: @unchecked Sendable {
  private let queue = DispatchQueue(label: "background")
  private let finished = DispatchSemaphore(value: 0)
  private var result: Result?
  private(set) var isRunning = false

  /// Only where none is running, or its result has been collected.
  func start(_ work: @escaping @Sendable () -> Result) {
    precondition(!isRunning, "the result of the work before has not been collected")
    isRunning = true
    queue.async {
      self.result = work()
      self.finished.signal()
    }
  }

  /// The result, once, where the work has ended.
  func collect() -> Result? {
    guard isRunning, finished.wait(timeout: .now()) == .success else { return nil }
    return take()
  }

  /// Waits for the end of the work; nil where there is none.
  func wait() -> Result? {
    guard isRunning else { return nil }
    finished.wait()
    return take()
  }

  private func take() -> Result? {
    defer { result = nil }
    isRunning = false
    return result
  }
}
