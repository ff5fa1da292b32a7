package dev.symbolon.app

import android.Manifest
import android.app.Activity
import android.content.Intent
import android.content.pm.PackageManager
import android.os.Bundle
import android.view.View
import android.view.WindowInsets
import android.view.WindowManager.LayoutParams.FLAG_SECURE
import android.widget.ScrollView
import android.window.OnBackInvokedDispatcher
import android.os.Build

/** The one window of the app. It draws what the model says, and keeps nothing. */
class MainActivity : Activity() {
    private val model by lazy { (application as App).model }
    private lateinit var scroll: ScrollView
    private var hasAsked = false

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        // No screenshots, and nothing among the recent apps.
        window.setFlags(FLAG_SECURE, FLAG_SECURE)
        scroll = ScrollView(this).apply {
            isFillViewport = true
            filterTouchesWhenObscured = true
            setOnApplyWindowInsetsListener { view, insets ->
                val bars = insets.getInsets(WindowInsets.Type.systemBars() or WindowInsets.Type.displayCutout() or WindowInsets.Type.ime())
                view.setPadding(bars.left, bars.top, bars.right, bars.bottom)
                WindowInsets.CONSUMED
            }
        }
        setContentView(scroll)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) {
            onBackInvokedDispatcher.registerOnBackInvokedCallback(OnBackInvokedDispatcher.PRIORITY_DEFAULT) { goBack() }
        }
        if (savedInstanceState == null) follow(intent)
    }

    override fun onStart() {
        super.onStart()
        model.shown = ::draw
        model.say = ::getString
        draw(model.screen)
        Notifications(this).removeAll()
        model.resume()
    }

    override fun onStop() {
        model.shown = {}
        // Turning the phone is not leaving it.
        if (!isChangingConfigurations) model.leave()
        super.onStop()
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        follow(intent)
    }

    @Deprecated("What phones before Android 13 call")
    override fun onBackPressed() = goBack()

    private fun goBack() {
        if (!model.back()) finish()
    }

    /** A link that was tapped. */
    private fun follow(intent: Intent?) {
        val link = intent?.takeIf { it.action == Intent.ACTION_VIEW }?.dataString ?: return
        // Used once: it is not followed again when the activity is made anew.
        intent.data = null
        model.scanned(link.encodeToByteArray())
    }

    private fun draw(screen: Screen) {
        (scroll.getChildAt(0) as? AutoCloseable)?.close()
        scroll.removeAllViews()
        val sheet: View = if (screen is Screen.Scan) scanner() else Sheet(this).apply { draw(screen, model) }
        scroll.addView(sheet)
        scroll.scrollTo(0, 0)
        if (screen is Screen.Accounts && screen.entries.any { !it.info.isOffline }) askToNotify()
    }

    /** Where somebody can wake the phone, the person is asked once whether it may say so. */
    private fun askToNotify() {
        if (hasAsked || Build.VERSION.SDK_INT < Build.VERSION_CODES.TIRAMISU || (application as App).push.distributor == null) return
        hasAsked = true
        if (checkSelfPermission(Manifest.permission.POST_NOTIFICATIONS) != PackageManager.PERMISSION_GRANTED) {
            requestPermissions(arrayOf(Manifest.permission.POST_NOTIFICATIONS), NOTIFICATIONS)
        }
    }

    private fun scanner(): View {
        if (checkSelfPermission(Manifest.permission.CAMERA) != PackageManager.PERMISSION_GRANTED) {
            requestPermissions(arrayOf(Manifest.permission.CAMERA), CAMERA)
        }
        return Scanner(this, { model.type(isOffline = false) }, model::scanned)
    }

    override fun onRequestPermissionsResult(requestCode: Int, permissions: Array<String>, results: IntArray) {
        super.onRequestPermissionsResult(requestCode, permissions, results)
        val isGranted = results.firstOrNull() == PackageManager.PERMISSION_GRANTED
        if (isGranted && model.screen is Screen.Scan) draw(model.screen)
    }

    private companion object {
        const val CAMERA = 1
        const val NOTIFICATIONS = 2
    }
}
