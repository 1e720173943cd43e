package import Basics
import MPI

/// A failure that every rank knows of: one of them prints it, all of them leave in good order.
package struct CollectiveFailure: Error {
  package let kind: Failure.Kind
  /// Present only on the rank that prints it.
  package let failure: Failure?
}

extension RankGroup {
  /// Runs `body` on every rank and agrees on the outcome. Collective.
  ///
  /// - Throws: `CollectiveFailure` on every rank where `body` threw on any; the lowest such rank
  ///   has the message. Not for code that itself fails in the middle of a collective call.
  package func agree<Value>(_ body: () throws -> Value) throws -> Value {
    var value: Value?
    var failure: Failure?
    do {
      value = try body()
    } catch let error as Failure {
      failure = error
    } catch let error as MPIError {
      throw error
    } catch {
      failure = .internalError("\(error)")
    }
    let failing = try world.allreduce(value: failure == nil ? Int.max : rank, .minimum)
    if failing != Int.max {
      let own = failing == rank ? failure : nil
      let code = try world.broadcast(value: own?.kind.rawValue ?? 0, root: failing)
      throw CollectiveFailure(kind: Failure.Kind(rawValue: code) ?? .internalError, failure: own)
    }
    guard let value else { throw Failure.internalError("agree: no value and no failure") }
    return value
  }

  /// Runs `body` on the first rank only; every rank learns whether it threw. Collective.
  package func onFirst(_ body: () throws -> Void) throws {
    try agree { if isFirst { try body() } }
  }

  /// Bytes that the first rank alone reads or makes. Collective.
  package func bytesFromFirst(_ body: () throws -> [UInt8]) throws -> [UInt8] {
    let bytes = try agree { isFirst ? try body() : [] }
    return try world.broadcast(bytes: bytes)
  }
}
