package dev.symbolon.app

import android.Manifest
import android.content.Context
import android.content.pm.PackageManager
import android.graphics.ImageFormat
import android.hardware.camera2.CameraAccessException
import android.hardware.camera2.CameraCaptureSession
import android.hardware.camera2.CameraCharacteristics
import android.hardware.camera2.CameraDevice
import android.hardware.camera2.CameraManager
import android.hardware.camera2.CaptureRequest
import android.hardware.camera2.params.OutputConfiguration
import android.hardware.camera2.params.SessionConfiguration
import android.media.Image
import android.media.ImageReader
import android.os.Handler
import android.os.HandlerThread
import android.view.SurfaceHolder
import android.view.SurfaceView
import android.view.ViewGroup
import android.widget.LinearLayout
import com.google.zxing.BinaryBitmap
import com.google.zxing.PlanarYUVLuminanceSource
import com.google.zxing.ReaderException
import com.google.zxing.common.HybridBinarizer
import com.google.zxing.qrcode.QRCodeReader

/** The camera's picture, and the first QR that is in it. Closed when another screen is drawn. */
class Scanner(context: Context, private val type: () -> Unit, private val found: (ByteArray) -> Unit) : LinearLayout(context), AutoCloseable {
    private val thread = HandlerThread("scanner").apply { start() }
    private val handler = Handler(thread.looper)
    private val images = ImageReader.newInstance(WIDTH, HEIGHT, ImageFormat.YUV_420_888, 2)
    private var camera: CameraDevice? = null
    private var isFound = false

    init {
        orientation = VERTICAL
        val sheet = Sheet(context)
        sheet.title(context.getString(R.string.scan))
        val manager = context.getSystemService(CameraManager::class.java)
        val back = manager?.let(::backCamera)
        when {
            back == null -> sheet.without(R.string.camera_missing)
            context.checkSelfPermission(Manifest.permission.CAMERA) != PackageManager.PERMISSION_GRANTED ->
                sheet.without(R.string.camera_refused)
            else -> {
                sheet.text(context.getString(R.string.scan_text))
                addPicture(sheet, manager, back)
            }
        }
        addView(sheet, 0, LayoutParams(ViewGroup.LayoutParams.MATCH_PARENT, ViewGroup.LayoutParams.WRAP_CONTENT))
    }

    private fun Sheet.without(reason: Int) {
        warning(context.getString(reason))
        button(context.getString(R.string.type_code)) { type() }
    }

    private fun backCamera(manager: CameraManager): String? = try {
        manager.cameraIdList.firstOrNull {
            manager.getCameraCharacteristics(it)[CameraCharacteristics.LENS_FACING] == CameraCharacteristics.LENS_FACING_BACK
        }
    } catch (_: CameraAccessException) {
        null
    }

    private fun addPicture(sheet: Sheet, manager: CameraManager, id: String) {
        val picture = SurfaceView(context)
        addView(picture, LayoutParams(ViewGroup.LayoutParams.MATCH_PARENT, sheet.dp(400)))
        picture.holder.setFixedSize(WIDTH, HEIGHT)
        picture.holder.addCallback(object : SurfaceHolder.Callback {
            override fun surfaceCreated(holder: SurfaceHolder) = open(manager, id, holder)
            override fun surfaceChanged(holder: SurfaceHolder, format: Int, width: Int, height: Int) = Unit
            override fun surfaceDestroyed(holder: SurfaceHolder) = close()
        })
        images.setOnImageAvailableListener({ reader -> reader.acquireLatestImage()?.use(::look) }, handler)
    }

    private fun open(manager: CameraManager, id: String, holder: SurfaceHolder) {
        if (context.checkSelfPermission(Manifest.permission.CAMERA) != PackageManager.PERMISSION_GRANTED) return
        manager.openCamera(id, context.mainExecutor, object : CameraDevice.StateCallback() {
            override fun onOpened(opened: CameraDevice) {
                camera = opened
                val surfaces = listOf(holder.surface, images.surface)
                val show = object : CameraCaptureSession.StateCallback() {
                    override fun onConfigured(session: CameraCaptureSession) {
                        val request = opened.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW)
                        surfaces.forEach(request::addTarget)
                        request[CaptureRequest.CONTROL_AF_MODE] = CaptureRequest.CONTROL_AF_MODE_CONTINUOUS_PICTURE
                        session.setRepeatingRequest(request.build(), null, handler)
                    }

                    override fun onConfigureFailed(session: CameraCaptureSession) = opened.close()
                }
                val outputs = surfaces.map(::OutputConfiguration)
                opened.createCaptureSession(
                    SessionConfiguration(SessionConfiguration.SESSION_REGULAR, outputs, context.mainExecutor, show),
                )
            }

            override fun onDisconnected(lost: CameraDevice) = lost.close()
            override fun onError(lost: CameraDevice, error: Int) = lost.close()
        })
    }

    private fun look(image: Image) {
        val plane = image.planes[0]
        val grey = ByteArray(plane.buffer.remaining()).also(plane.buffer::get)
        val text = read(grey, plane.rowStride, image.width, image.height) ?: return
        handler.removeCallbacksAndMessages(null)
        context.mainExecutor.execute {
            if (!isFound) {
                isFound = true
                found(text.encodeToByteArray())
            }
        }
    }

    override fun close() {
        camera?.close()
        camera = null
        thread.quitSafely()
    }

    companion object {
        private const val WIDTH = 1280
        private const val HEIGHT = 720

        /** The text of a QR in a grey picture. */
        fun read(grey: ByteArray, stride: Int, width: Int, height: Int): String? = try {
            val source = PlanarYUVLuminanceSource(grey, stride, grey.size / stride, 0, 0, minOf(width, stride), minOf(height, grey.size / stride), false)
            QRCodeReader().decode(BinaryBitmap(HybridBinarizer(source))).text
        } catch (_: ReaderException) {
            null
        }
    }
}
