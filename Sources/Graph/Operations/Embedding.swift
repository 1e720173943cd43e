package import Basics
import CKernels

/// y[b, t] = table[token[b, t]]: tokens `[batch, T]`, table `[vocabulary, width]` →
/// `[batch, T, width]`. PyTorch's `nn.Embedding`.
///
/// Backward adds rows in the order of the tokens: always the same bits.
package struct Embedding: Operation {
  package let name = "embedding"
  package var backwardReads: BackwardReads { .inputs }

  package init() {}

  package func outputShape(_ inputs: [Shape]) throws(ShapeMismatch) -> Shape {
    guard inputs[1].rank == 2 else {
      throw ShapeMismatch("expected a table [vocabulary, width], found \(inputs[1])")
    }
    return Shape(inputs[0].extents + [inputs[1][1]])
  }

  package func compile(_ site: Site) throws -> CompiledOperation {
    let (count, width) = (site.inputShapes[0].count, site.inputShapes[1][1])
    let forward = ClosureKernel([site.inputs[0], site.inputs[1], site.output]) { pointers in
      pointers[0].withMemoryRebound(to: Int32.self, capacity: count) { tokens in
        ck_embedding(tokens, pointers[1], pointers[2], count, width)
      }
    }
    guard let upstream = site.outputGradient, let target = site.inputGradients[1] else {
      return CompiledOperation(forward: [forward])
    }
    let clear = clearing(target)
    let backward = ClosureKernel([site.inputs[0], upstream, target.buffer]) { pointers in
      pointers[0].withMemoryRebound(to: Int32.self, capacity: count) { tokens in
        ck_embedding_backward(tokens, pointers[1], pointers[2], count, width)
      }
    }
    return CompiledOperation(forward: [forward], backward: clear + [backward])
  }
}

/// y[b, t] = 1 where token[b, t] is `token`, else 0: tokens `[batch, T]` → the same shape.
package struct TokenMask: Operation {
  let token: Int32

  package init(token: Int32) { self.token = token }

  package let name = "token mask"
  package var backwardReads: BackwardReads { [] }

  package func outputShape(_ inputs: [Shape]) throws(ShapeMismatch) -> Shape { inputs[0] }

  package func compile(_ site: Site) throws -> CompiledOperation {
    let (count, token) = (site.outputShape.count, token)
    let forward = ClosureKernel([site.inputs[0], site.output]) { pointers in
      pointers[0].withMemoryRebound(to: Int32.self, capacity: count) { tokens in
        for index in 0..<count { pointers[1][index] = tokens[index] == token ? 1 : 0 }
      }
    }
    return CompiledOperation(forward: [forward])
  }
}

/// y[b, t] = x[b, t] + table[t]: x `[batch, T, width]`, table `[context, width]`, T ≤ context.
package struct PositionalEmbedding: Operation {
  package let name = "positional"
  package var backwardReads: BackwardReads { [] }

  package init() {}

  package func outputShape(_ inputs: [Shape]) throws(ShapeMismatch) -> Shape {
    let (x, table) = (inputs[0], inputs[1])
    guard x.rank == 3, table.rank == 2, x[2] == table[1], x[1] <= table[0] else {
      throw ShapeMismatch(
        "expected [batch, T, width] with T up to the context of the table \(table), found \(x)")
    }
    return x
  }

  package func compile(_ site: Site) throws -> CompiledOperation {
    let samples = site.outputShape[0]
    let count = site.outputShape.count / max(1, samples)
    let forward = ClosureKernel(site.inputs + [site.output]) { pointers in
      ck_add_to_samples(pointers[0], pointers[1], pointers[2], samples, count)
    }
    guard let upstream = site.outputGradient else { return CompiledOperation(forward: [forward]) }
    var backward: [any Kernel] = []
    if let target = site.inputGradients[0] {
      backward.append(copyOrAdd(upstream, to: target, count: site.outputShape.count))
    }
    if let target = site.inputGradients[1] {
      // Positions beyond T have no gradient.
      backward += clearing(target)
      backward.append(
        ClosureKernel([upstream, target.buffer]) { pointers in
          ck_column_sums(pointers[0], nil, pointers[1], samples, count, 1)
        })
    }
    return CompiledOperation(forward: [forward], backward: backward)
  }
}
