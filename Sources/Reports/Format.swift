import Glibc

/// Numbers as people read them. No locale, no Foundation.
package enum Format {
  /// `decimals` digits after the point.
  package static func fixed(_ value: Double, _ decimals: Int) -> String {
    guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    let scaled = (abs(value) * scale).rounded()
    guard scaled < 9e15 else { return "\(value)" }
    let whole = Int(scaled / scale)
    let rest = Int(scaled - Double(whole) * scale)
    let sign = value < 0 && scaled != 0 ? "-" : ""
    if decimals == 0 { return "\(sign)\(whole)" }
    let digits = String(rest)
    return "\(sign)\(whole)." + String(repeating: "0", count: decimals - digits.count) + digits
  }

  /// About four significant digits: 0.001, 1.234e-05.
  package static func short(_ value: Double) -> String {
    guard value.isFinite, value != 0 else { return value == 0 ? "0" : "\(value)" }
    let size = abs(value)
    if size >= 1e-3 && size < 1e6 {
      return trimmed(fixed(value, size >= 100 ? 1 : size >= 1 ? 4 : 6))
    }
    var exponent = Int(log10(size).rounded(.down))
    // 9.9996 would be printed as 10.
    if (size / pow(10, Double(exponent)) * 1000).rounded() >= 10_000 { exponent += 1 }
    return trimmed(fixed(value / pow(10, Double(exponent)), 3)) + "e\(exponent)"
  }

  private static func trimmed(_ text: String) -> String {
    guard text.contains(".") else { return text }
    var result = Substring(text)
    while result.hasSuffix("0") { result.removeLast() }
    if result.hasSuffix(".") { result.removeLast() }
    return String(result)
  }

  /// 1234567 → "1,234,567".
  package static func grouped(_ value: Int) -> String {
    var digits = String(abs(value))
    var groups: [String] = []
    while digits.count > 3 {
      groups.insert(String(digits.suffix(3)), at: 0)
      digits.removeLast(3)
    }
    groups.insert(digits, at: 0)
    return (value < 0 ? "-" : "") + groups.joined(separator: ",")
  }

  /// "3.2 s", "4 min 05 s", "2 h 03 min".
  package static func duration(seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0 else { return "?" }
    if seconds < 60 { return "\(fixed(seconds, seconds < 10 ? 1 : 0)) s" }
    let total = Int(seconds)
    if total < 3600 { return "\(total / 60) min \(padded(total % 60)) s" }
    return "\(total / 3600) h \(padded(total / 60 % 60)) min"
  }

  private static func padded(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }

  /// "12.5 MiB".
  package static func bytes(_ count: Int) -> String {
    if count < 1 << 10 { return "\(count) B" }
    let units = ["KiB", "MiB", "GiB", "TiB"]
    var value = Double(count) / 1024
    var index = 0
    while value >= 1024 && index < units.count - 1 {
      value /= 1024
      index += 1
    }
    return "\(fixed(value, 1)) \(units[index])"
  }
}
