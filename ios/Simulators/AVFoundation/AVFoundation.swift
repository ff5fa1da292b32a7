// The names of Apple's AVFoundation that the app uses. There is no camera.
@_exported import UIKit

public struct AVMediaType: Sendable { public static let video = AVMediaType() }

public enum AVAuthorizationStatus: Int, Sendable { case notDetermined, restricted, denied, authorized }

open class AVCaptureDevice: NSObject, @unchecked Sendable {
    nonisolated(unsafe) public static var _status = AVAuthorizationStatus.authorized
    nonisolated(unsafe) public static var _camera: AVCaptureDevice?
    /// `authorizationStatusForMediaType:`
    open class func authorizationStatus(for mediaType: AVMediaType) -> AVAuthorizationStatus { _status }
    /// `requestAccessForMediaType:completionHandler:`
    open class func requestAccess(for mediaType: AVMediaType) async -> Bool { _status == .authorized }
    /// `defaultDeviceWithMediaType:`
    open class func `default`(for mediaType: AVMediaType) -> AVCaptureDevice? { _camera }
}

open class AVCaptureInput: NSObject {}
open class AVCaptureDeviceInput: AVCaptureInput {
    public init(device: AVCaptureDevice) throws {}
}

open class AVCaptureOutput: NSObject {}
open class AVCaptureConnection: NSObject {}
open class AVMetadataObject: NSObject {
    public struct ObjectType: Hashable, Sendable { public static let qr = ObjectType() }
}
open class AVMetadataMachineReadableCodeObject: AVMetadataObject {
    /// `stringValue`
    open var stringValue: String?
    public init(_ text: String) { stringValue = text }
}

public protocol AVCaptureMetadataOutputObjectsDelegate: NSObjectProtocol {
    func metadataOutput(_ output: AVCaptureMetadataOutput, didOutput metadataObjects: [AVMetadataObject], from connection: AVCaptureConnection)
}

open class AVCaptureMetadataOutput: AVCaptureOutput {
    /// `setMetadataObjectsDelegate:queue:`
    open func setMetadataObjectsDelegate(_ delegate: (any AVCaptureMetadataOutputObjectsDelegate)?, queue: DispatchQueue?) {}
    open var metadataObjectTypes: [AVMetadataObject.ObjectType] = []
}

open class AVCaptureSession: NSObject, @unchecked Sendable {
    public override init() {}
    /// `canAddInput:`
    open func canAddInput(_ input: AVCaptureInput) -> Bool { true }
    /// `addInput:`
    open func addInput(_ input: AVCaptureInput) {}
    open func canAddOutput(_ output: AVCaptureOutput) -> Bool { true }
    /// `addOutput:`
    open func addOutput(_ output: AVCaptureOutput) {}
    /// `startRunning`
    open func startRunning() {}
    /// `stopRunning`
    open func stopRunning() {}
}

public struct AVLayerVideoGravity: Sendable { public static let resizeAspectFill = AVLayerVideoGravity() }

@MainActor open class AVCaptureVideoPreviewLayer: CALayer {
    public init(session: AVCaptureSession) {}
    open var videoGravity = AVLayerVideoGravity.resizeAspectFill
}
