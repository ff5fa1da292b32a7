import AVFoundation
import SwiftUI

/// The camera, which looks for a QR.
struct ScanView: View {
    let model: Model
    @State private var isAllowed: Bool?

    private var words: Words { model.words }

    var body: some View {
        Title(words[.scan])
        if AVCaptureDevice.default(for: .video) == nil {
            Warning(words[.cameraMissing])
        } else if isAllowed == false {
            Warning(words[.cameraRefused])
        } else {
            Text(words[.scanText])
            if isAllowed == true {
                CameraView { model.scanned(Data($0.utf8)) }.frame(minHeight: 320).accessibilityHidden(true)
            }
        }
        BackChoice(model: model)
            .task(id: "camera") { isAllowed = await AVCaptureDevice.requestAccess(for: .video) }
    }
}

private struct CameraView: UIViewControllerRepresentable {
    let found: @MainActor (String) -> Void

    func makeUIViewController(context: Context) -> Camera { Camera(found) }
    func updateUIViewController(_ controller: Camera, context: Context) {}
}

/// Shows what the camera sees, and tells the first QR once.
final class Camera: UIViewController {
    private let session = AVCaptureSession()
    private lazy var picture = AVCaptureVideoPreviewLayer(session: session)
    private var found: (@MainActor (String) -> Void)?
    private var reader: Reader?
    private static let queue = DispatchQueue(label: "dev.symbolon.camera")

    convenience init(_ found: @escaping @MainActor (String) -> Void) {
        self.init()
        self.found = found
    }

    override func viewDidLoad() {
        super.viewDidLoad()
        guard let device = AVCaptureDevice.default(for: .video), let input = try? AVCaptureDeviceInput(device: device),
            session.canAddInput(input)
        else { return }
        session.addInput(input)
        let output = AVCaptureMetadataOutput()
        guard session.canAddOutput(output) else { return }
        session.addOutput(output)
        let reader = Reader { [weak self] in self?.tell($0) }
        self.reader = reader
        output.setMetadataObjectsDelegate(reader, queue: .main)
        output.metadataObjectTypes = [.qr]
        picture.videoGravity = .resizeAspectFill
        view.layer.addSublayer(picture)
    }

    private func tell(_ text: String) {
        found?(text)
        found = nil
    }

    override func viewDidLayoutSubviews() {
        super.viewDidLayoutSubviews()
        picture.frame = view.bounds
    }

    override func viewWillAppear(_ animated: Bool) {
        super.viewWillAppear(animated)
        let session = session
        Self.queue.async { session.startRunning() }
    }

    override func viewWillDisappear(_ animated: Bool) {
        super.viewWillDisappear(animated)
        let session = session
        Self.queue.async { session.stopRunning() }
    }
}

/// Hears of each QR in the picture, on the main thread.
final class Reader: NSObject, AVCaptureMetadataOutputObjectsDelegate {
    private let tell: @MainActor (String) -> Void

    init(_ tell: @escaping @MainActor (String) -> Void) { self.tell = tell }

    func metadataOutput(
        _ output: AVCaptureMetadataOutput, didOutput metadataObjects: [AVMetadataObject],
        from connection: AVCaptureConnection
    ) {
        let codes = metadataObjects.compactMap { ($0 as? AVMetadataMachineReadableCodeObject)?.stringValue }
        guard let text = codes.first else { return }
        let tell = tell
        MainActor.assumeIsolated { tell(text) }
    }
}
