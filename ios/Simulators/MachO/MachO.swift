// What the package asks Darwin: the libraries of its process, and whether somebody traces it.
@_exported import Foundation

/// What the simulated process looks like.
public enum _Process {
    nonisolated(unsafe) public static var libraries = ["/System/Library/Frameworks/UIKit.framework/UIKit"]
    nonisolated(unsafe) public static var isTraced = false
}

public func _dyld_image_count() -> UInt32 { UInt32(_Process.libraries.count) }

public func _dyld_get_image_name(_ image_index: UInt32) -> UnsafePointer<CChar>! {
    // As dyld does, it lends what outlives the call.
    UnsafePointer(strdup(_Process.libraries[Int(image_index)]))
}

public let CTL_KERN: Int32 = 1
public let KERN_PROC: Int32 = 14
public let KERN_PROC_PID: Int32 = 1
public let P_TRACED: Int32 = 0x800

public struct extern_proc { public var p_flag: Int32 = 0 }
public struct kinfo_proc {
    public var kp_proc = extern_proc()
    public init() {}
}

public func sysctl(
    _ name: UnsafeMutablePointer<Int32>!, _ namelen: UInt32, _ oldp: UnsafeMutableRawPointer!,
    _ oldlenp: UnsafeMutablePointer<Int>!, _ newp: UnsafeMutableRawPointer!, _ newlen: Int
) -> Int32 {
    guard namelen == 4, name[0] == CTL_KERN, name[1] == KERN_PROC, name[2] == KERN_PROC_PID, name[3] == getpid() else {
        return -1
    }
    oldp.assumingMemoryBound(to: kinfo_proc.self).pointee.kp_proc.p_flag = _Process.isTraced ? P_TRACED : 0
    return 0
}
