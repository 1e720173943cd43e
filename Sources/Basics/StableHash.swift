/// FNV-1a, 64 bits: equal on every host and in every version, unlike `Hasher`.
///
/// Source: Fowler, Noll, Vo, draft-eastlake-fnv.
package func stableHash(_ bytes: some Sequence<UInt8>) -> UInt64 {
  bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
}

package func stableHash(_ text: String) -> UInt64 { stableHash(text.utf8) }
