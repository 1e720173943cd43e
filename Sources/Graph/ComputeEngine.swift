import Basics
import COneDNN

/// oneDNN's CPU engine and stream, one a process.
///
/// Source: oneDNN 2.6 C API, https://oneapi-src.github.io/oneDNN/v2.6/.
package final class ComputeEngine {
  let engine: dnnl_engine_t
  let stream: dnnl_stream_t
  let precision: Precision

  /// - Parameters:
  ///   - threads: threads oneDNN may use; set through OpenMP's call, because libgomp has read its
  ///     environment long before.
  ///   - precision: of matrix products and convolutions; `isNative` here.
  package init(threads: Int = 1, precision: Precision = .float32) throws {
    precondition(precision.isNative, "\(precision.rawValue) needs instructions this CPU lacks")
    self.precision = precision
    omp_set_num_threads(Int32(threads))
    var engine: dnnl_engine_t?
    try check("dnnl_engine_create", dnnl_engine_create(&engine, dnnl_cpu, 0))
    guard let engine else { throw Failure.internalError("oneDNN made no CPU engine") }
    var stream: dnnl_stream_t?
    try check(
      "dnnl_stream_create",
      dnnl_stream_create(&stream, engine, dnnl_stream_default_flags.rawValue))
    guard let stream else { throw Failure.internalError("oneDNN made no stream") }
    self.engine = engine
    self.stream = stream
  }

  deinit {
    dnnl_stream_destroy(stream)
    dnnl_engine_destroy(engine)
  }

  /// "2.6.3": part of what makes equal bits.
  package static var version: String {
    let version = dnnl_version().pointee
    return "\(version.major).\(version.minor).\(version.patch)"
  }

  /// Whether the CPU multiplies bfloat16, as far as `ONEDNN_MAX_CPU_ISA` lets oneDNN use it.
  static var hasBfloat16: Bool {
    dnnl_get_effective_cpu_isa().rawValue & dnnl_cpu_isa_avx512_core_bf16.rawValue
      == dnnl_cpu_isa_avx512_core_bf16.rawValue
  }

  /// The instruction set oneDNN compiles for on this CPU.
  package static var instructionSet: String {
    switch dnnl_get_effective_cpu_isa() {
    case dnnl_cpu_isa_sse41: "sse4.1"
    case dnnl_cpu_isa_avx: "avx"
    case dnnl_cpu_isa_avx2: "avx2"
    case dnnl_cpu_isa_avx2_vnni: "avx2-vnni"
    case dnnl_cpu_isa_avx512_core: "avx512-core"
    case dnnl_cpu_isa_avx512_core_vnni: "avx512-vnni"
    case dnnl_cpu_isa_avx512_core_bf16: "avx512-bf16"
    case dnnl_cpu_isa_avx512_core_amx: "avx512-amx"
    default: "generic"
    }
  }
}

/// Turns a oneDNN status into a thrown error; every call goes through here.
func check(_ function: String, _ status: dnnl_status_t) throws {
  if status == dnnl_success { return }
  throw Failure.internalError("oneDNN: \(function) returned status \(status.rawValue)")
}
