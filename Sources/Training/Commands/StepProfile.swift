package import Graph
import Reports

/// Where the time of a step goes: `bench step --operations`.
///
/// The rows tile the step: what no clock was read for is what is left of the time around it.
package struct StepProfile {
  /// Seconds of one step, all of them.
  package struct Row {
    package let name: String
    package var seconds: Double
    /// What forward took of an operation; nil of what is none.
    package var forward: Double?
    /// What oneDNN's matrix products and convolutions took of it, and what they calculated.
    package var products = 0.0
    package var flops = 0.0
  }

  /// Operations, the longest first, then the rest in the order of a step.
  package let rows: [Row]
  /// Of the whole step.
  package let seconds: Double

  /// - Parameters:
  ///   - steps: over which the kernels' times are sums; all else is of one step, in seconds.
  ///   - compute: assembly, kernels, and what follows them before the ranks meet.
  ///   - wait: for other ranks.
  package init(
    steps: Int, step: Double, compute: Double, wait: Double, assembly: Double,
    kernels: [KernelTime]
  ) {
    var operations: [String: Row] = [:]
    for kernel in kernels {
      let seconds = Double(kernel.nanoseconds) / 1e9 / Double(steps)
      var row = operations[kernel.operation] ?? Row(name: kernel.operation, seconds: 0, forward: 0)
      row.seconds += seconds
      if !kernel.isBackward { row.forward = (row.forward ?? 0) + seconds }
      if kernel.flops > 0 {
        row.products += seconds
        row.flops += Double(kernel.flops) / Double(steps)
      }
      operations[kernel.operation] = row
    }
    let longest = operations.values.sorted { $0.seconds > $1.seconds }
    let calculated = longest.reduce(0) { $0 + $1.seconds }
    seconds = step
    rows =
      longest + [
        Row(name: "batch assembly", seconds: assembly),
        Row(name: "finite check, leaf sums", seconds: compute - assembly - calculated),
        Row(name: "waiting", seconds: wait),
        Row(name: "reduction, clipping, update", seconds: step - compute - wait),
      ]
  }

  package var table: [String] {
    var table = Table()
    table.add(
      "operation", "ms", "share", "forward ms", "backward ms", "products ms", "GFLOP/s")
    for row in rows + [Row(name: "step", seconds: seconds)] {
      var cells = [
        row.name, milliseconds(row.seconds), Format.fixed(row.seconds / seconds * 100, 1) + " %",
      ]
      if let forward = row.forward {
        cells += [milliseconds(forward), milliseconds(row.seconds - forward)]
      }
      if row.products > 0 {
        cells += [milliseconds(row.products), Format.fixed(row.flops / row.products / 1e9, 1)]
      }
      table.add(cells)
    }
    return table.lines
  }

  private func milliseconds(_ seconds: Double) -> String { Format.fixed(seconds * 1e3, 4) }
}
