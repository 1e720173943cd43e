package import Synchronization

/// Whether this process is inside a call that may wait for other ranks and tells nothing meanwhile.
///
/// Written by the thread that trains, read by the watchdog, which must know who waits for whom.
package let isInsideBlockingCall = Atomic<Bool>(false)
