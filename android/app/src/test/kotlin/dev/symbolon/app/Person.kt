package dev.symbolon.app

import android.content.ContextWrapper
import android.content.Intent
import android.graphics.Bitmap
import android.graphics.Canvas
import android.net.Uri
import android.os.Bundle
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.EditText
import android.widget.TextView
import dev.symbolon.sdk.Symbolon
import dev.symbolon.testing.until
import java.io.File
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.cancel
import org.robolectric.Robolectric
import org.robolectric.RuntimeEnvironment
import org.robolectric.android.controller.ActivityController

/** A phone by its files. The key store is one for all of them: no two keys have the same label. */
class Phone(private val name: String = "phone") {
    private val context = object : ContextWrapper(RuntimeEnvironment.getApplication()) {
        override fun getNoBackupFilesDir() = files
        override fun getApplicationContext() = this
    }

    val files: File get() = File(RuntimeEnvironment.getApplication().noBackupFilesDir, name)

    /** What a new process begins with. */
    fun process() = Model { Symbolon.open(context, "Symbolon 0.1.0") }
}

/** Somebody who reads the screen of a phone and taps. */
class Person(private val link: String? = null, val phone: Phone = Phone()) {
    var model = phone.process()
        private set
    private var controller: ActivityController<MainActivity> = begin(link).setup()

    val activity: MainActivity get() = controller.get()

    private fun begin(link: String?): ActivityController<MainActivity> {
        (RuntimeEnvironment.getApplication() as App).model = model
        return Robolectric.buildActivity(MainActivity::class.java, link?.let { Intent(Intent.ACTION_VIEW, Uri.parse(it)) })
    }

    /** The process dies where it is, and the system makes the window anew from what it had saved of it. */
    fun die() {
        val saved = Bundle().also { controller.saveInstanceState(it) }
        // Nothing goes on in a process that is dead. What it left of an activity is torn down without its knowing.
        val scope = Model::class.java.getDeclaredField("scope").apply { isAccessible = true }
        (scope.get(model) as CoroutineScope).cancel()
        model.shown = {}
        model = phone.process()
        controller = begin(link).setup(saved)
    }

    /** Another link is tapped while the app runs. */
    fun tapLink(link: String) = opened(Intent(Intent.ACTION_VIEW, Uri.parse(link)))

    /** The window is opened once more, by whoever it may be. */
    fun opened(intent: Intent) {
        controller.newIntent(intent)
    }

    /** Goes to another app and comes back. */
    fun leaveAndComeBack() {
        leave()
        comeBack()
    }

    fun leave() {
        controller.pause().stop()
    }

    fun comeBack() {
        controller.restart().start().resume()
    }

    /** Turns the phone. */
    fun turn() {
        (RuntimeEnvironment.getApplication() as App).model = model
        controller.recreate()
    }

    fun end() {
        controller.pause().stop().destroy()
    }

    /** Every view, in the order in which it is read out. */
    fun views(): List<View> = inside(activity.window.decorView)

    private fun inside(view: View): List<View> =
        listOf(view) + if (view is ViewGroup) (0 until view.childCount).flatMap { inside(view.getChildAt(it)) } else emptyList()

    /** Every word on the screen. */
    fun words(): String = views().filterIsInstance<TextView>().joinToString("\n") { it.text }

    fun sees(text: String) = until({ "no “$text” on the screen:\n${words()}" }) { text in words() }

    fun sees(text: Int, vararg arguments: Any) = sees(activity.getString(text, *arguments))

    fun gone(text: Int) = until({ "it is there still:\n${words()}" }) { activity.getString(text) !in words() && model.screen !is Screen.Working }

    fun tap(text: String) {
        sees(text)
        val (buttons, texts) = views().filterIsInstance<TextView>().partition { it is Button }
        val target = buttons.firstOrNull { it.text.toString() == text } ?: texts.filter { text in it.text }.firstNotNullOfOrNull(::tappable)
        checkNotNull(target) { "“$text” can't be tapped:\n${words()}" }
        target.performClick()
    }

    /** What is tapped with a view: the view itself, or what it is part of. */
    private fun tappable(view: View): View? =
        generateSequence(view) { it.parent as? View }.firstOrNull { it.hasOnClickListeners() }

    fun tap(text: Int) = tap(activity.getString(text))

    fun type(field: Int, value: String) {
        val name = activity.getString(field)
        until({ "no field “$name”:\n${words()}" }) { views().any { it is EditText && it.hint == name } }
        (views().first { it is EditText && it.hint == name } as EditText).setText(value)
    }

    fun pin(digits: String) = digits.forEach { digit ->
        until({ "no keypad:\n${words()}" }) { views().any { it is Button && it.contentDescription == digit.toString() } }
        views().first { it is Button && it.contentDescription == digit.toString() }.performClick()
    }

    /** Chooses a PIN, and repeats it. */
    fun choosePin(digits: String) {
        sees(R.string.choose_pin)
        pin(digits)
        sees(R.string.repeat_pin)
        pin(digits)
    }

    /** The digits that are shown large. */
    fun digits(): String {
        val large = views().filterIsInstance<TextView>().first { it.maxLines == 1 && it.text.any(Char::isDigit) }
        return large.text.filter(Char::isDigit).toString()
    }

    /**
     * What TalkBack reads, in its order: texts, headings, buttons and fields with their names, and as one what is read as one.
     * Digits are left out, since they are others each time.
     */
    fun readAloud(): List<String> = aloud(activity.requireViewById(android.R.id.content))

    private fun aloud(view: View): List<String> {
        if (view.visibility != View.VISIBLE) return emptyList()
        val name = view.contentDescription ?: (view as? EditText)?.hint ?: (view as? TextView)?.text ?: ""
        val kind = when {
            view is EditText -> "field"
            view is Button -> "button"
            view.hasOnClickListeners() -> "button"
            view.isAccessibilityHeading -> "heading"
            view.accessibilityLiveRegion == View.ACCESSIBILITY_LIVE_REGION_ASSERTIVE -> "alert"
            else -> "text"
        }
        val inner = if (view is ViewGroup) (0 until view.childCount).flatMap { aloud(view.getChildAt(it)) } else emptyList()
        return when {
            name.isNotBlank() -> listOf("$kind: ${name.replace(Regex("[0-9]+"), "#")}")
            view.hasOnClickListeners() -> listOf("$kind: ${inner.joinToString(", ") { it.substringAfter(": ") }}")
            else -> inner
        }
    }

    /** Draws what is on the screen; what is wider than it, or is cut off, fails. */
    fun photograph(name: String) {
        val root = activity.window.decorView
        val content = activity.requireViewById<ViewGroup>(android.R.id.content).getChildAt(0) as ViewGroup
        until { content.getChildAt(0).height > 0 }
        for (text in views().filterIsInstance<TextView>().filter { it.layout != null && it.text.isNotEmpty() }) {
            val lines = text.layout
            check((0 until lines.lineCount).none { lines.getEllipsisCount(it) > 0 }) { "$name cuts off “${text.text}”" }
            check(lines.height <= text.height + 1) { "$name cuts off “${text.text}” below" }
        }
        val whole = maxOf(root.height, content.getChildAt(0).height + content.paddingTop + content.paddingBottom)
        val picture = Bitmap.createBitmap(root.width, whole, Bitmap.Config.ARGB_8888)
        val canvas = Canvas(picture)
        canvas.drawColor(activity.getColor(R.color.ground))
        content.getChildAt(0).draw(canvas)
        val small = Bitmap.createScaledBitmap(picture, picture.width / 3, picture.height / 3, true)
        val folder = File(checkNotNull(System.getProperty("symbolon.screenshots"))).apply { mkdirs() }
        File(folder, "$name.png").outputStream().use { small.compress(Bitmap.CompressFormat.PNG, 100, it) }
    }
}
