package dev.symbolon.app

import android.content.Context
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import android.graphics.Typeface
import android.graphics.drawable.GradientDrawable
import android.text.InputType
import android.view.Gravity
import android.view.View
import android.view.ViewGroup.LayoutParams.MATCH_PARENT
import android.view.ViewGroup.LayoutParams.WRAP_CONTENT
import android.view.accessibility.AccessibilityNodeInfo
import android.widget.Button
import android.widget.EditText
import android.widget.LinearLayout
import android.widget.TextView
import dev.symbolon.ffi.PinPad
import dev.symbolon.ffi.QrCode

/** A column of the app's few kinds of views, all of which grow with the person's text size. */
class Sheet(context: Context) : LinearLayout(context) {
    init {
        orientation = VERTICAL
        setPadding(dp(24), dp(16), dp(24), dp(24))
        // What is drawn over the app by another does not decide for the person.
        filterTouchesWhenObscured = true
    }

    fun dp(size: Int) = (size * resources.displayMetrics.density).toInt()

    /** What the screen is about. */
    fun title(text: String) = text(text, 26f).apply {
        typeface = Typeface.create(Typeface.DEFAULT, Typeface.BOLD)
        isAccessibilityHeading = true
    }

    fun text(text: String, size: Float = 16f, color: Int = R.color.text) = TextView(context).also {
        it.text = text
        it.textSize = size
        it.setTextColor(context.getColor(color))
        add(it, 8)
    }

    fun faint(text: String) = text(text, 14f, R.color.faint)

    /** Read aloud at once: it is why something did not happen. */
    fun warning(text: String) = text(text, 16f, R.color.warning).apply { accessibilityLiveRegion = ACCESSIBILITY_LIVE_REGION_ASSERTIVE }

    /** A named fact. */
    fun fact(name: String, value: String) {
        val both = Sheet(context).apply { setPadding(0, 0, 0, 0) }
        both.faint(name)
        both.text(value, 18f).apply { typeface = Typeface.create(Typeface.DEFAULT, Typeface.BOLD) }
        both.contentDescription = "$name: $value"
        both.isScreenReaderFocusable = true
        add(both, 4)
    }

    /** Digits to be read or typed elsewhere. */
    fun digits(text: String) = text(text, 40f, R.color.brand).apply {
        typeface = Typeface.create(Typeface.MONOSPACE, Typeface.BOLD)
        gravity = Gravity.CENTER
        // Digit by digit, not as a number.
        contentDescription = text.filterNot(Char::isWhitespace).toList().joinToString(" ")
        setAutoSizeTextTypeUniformWithConfiguration(20, 48, 1, android.util.TypedValue.COMPLEX_UNIT_SP)
        maxLines = 1
    }

    fun button(text: String, isFirst: Boolean = true, color: Int = R.color.brand, act: () -> Unit) = Button(context).also {
        it.text = text
        it.isAllCaps = false
        it.textSize = 16f
        it.minHeight = dp(52)
        it.stateListAnimator = null
        it.setTextColor(context.getColor(if (isFirst) R.color.on_brand else color))
        it.background = shape(if (isFirst) R.color.brand else R.color.panel)
        it.setPadding(dp(16), dp(12), dp(16), dp(12))
        it.filterTouchesWhenObscured = true
        it.setOnClickListener { act() }
        add(it, 8)
    }

    fun field(name: String, isNumber: Boolean = false, isSecret: Boolean = false) = EditText(context).also {
        faint(name)
        it.hint = name
        it.textSize = 18f
        it.inputType = when {
            isNumber -> InputType.TYPE_CLASS_NUMBER
            isSecret -> InputType.TYPE_CLASS_TEXT or InputType.TYPE_TEXT_VARIATION_VISIBLE_PASSWORD
            else -> InputType.TYPE_CLASS_TEXT or InputType.TYPE_TEXT_VARIATION_URI
        }
        it.importantForAutofill = IMPORTANT_FOR_AUTOFILL_NO
        it.isSaveEnabled = false
        add(it, 0)
    }

    /** A part of the screen that can be tapped as a whole. */
    fun card(fill: Sheet.() -> Unit, act: (() -> Unit)?): Sheet = Sheet(context).also {
        it.background = shape(R.color.panel)
        it.setPadding(dp(16), dp(12), dp(16), dp(16))
        it.fill()
        if (act != null) {
            it.isFocusable = true
            it.setOnClickListener { act() }
            it.accessibilityDelegate = asButton
        }
        add(it, 12)
    }

    fun add(view: View, space: Int) {
        addView(view, LayoutParams(MATCH_PARENT, WRAP_CONTENT).apply { topMargin = dp(space) })
    }

    private fun shape(color: Int) = GradientDrawable().apply {
        cornerRadius = dp(12).toFloat()
        setColor(context.getColor(color))
    }

    private companion object {
        val asButton = object : AccessibilityDelegate() {
            override fun onInitializeAccessibilityNodeInfo(host: View, info: AccessibilityNodeInfo) {
                super.onInitializeAccessibilityNodeInfo(host, info)
                info.className = Button::class.java.name
            }
        }
    }
}

/** How much of a code's time is left. */
class Ring(context: Context) : View(context) {
    /** From 1, all of it, to 0. */
    var left = 1f
        set(value) {
            field = value
            invalidate()
        }

    private val density = resources.displayMetrics.density
    private val paint = Paint(Paint.ANTI_ALIAS_FLAG).apply {
        style = Paint.Style.STROKE
        strokeWidth = 6 * density
        strokeCap = Paint.Cap.ROUND
    }

    override fun onMeasure(width: Int, height: Int) = setMeasuredDimension(MeasureSpec.getSize(width), (72 * density).toInt())

    override fun onDraw(canvas: Canvas) {
        val radius = height / 2f - paint.strokeWidth
        val (x, y) = width / 2f to height / 2f
        paint.color = context.getColor(R.color.panel)
        canvas.drawCircle(x, y, radius, paint)
        paint.color = context.getColor(if (left < LAST) R.color.warning else R.color.brand)
        canvas.drawArc(x - radius, y - radius, x + radius, y + radius, -90f, 360 * left, false, paint)
    }

    private companion object {
        const val LAST = 0.2f
    }
}

/** The squares of a QR; always dark on white, which cameras need. */
class QrView(context: Context, private val qr: QrCode) : View(context) {
    private val paint = Paint()

    override fun onMeasure(width: Int, height: Int) {
        val side = minOf(MeasureSpec.getSize(width), (320 * resources.displayMetrics.density).toInt())
        setMeasuredDimension(MeasureSpec.getSize(width), side)
    }

    override fun onDraw(canvas: Canvas) {
        val count = qr.width.toInt()
        val size = height / (count + 2f * MARGIN)
        canvas.translate((width - height) / 2f, 0f)
        paint.color = Color.WHITE
        canvas.drawRect(0f, 0f, height.toFloat(), height.toFloat(), paint)
        paint.color = Color.BLACK
        for (y in 0 until count) for (x in 0 until count) {
            if (qr.squares[y * count + x] == 0.toByte()) continue
            val (left, top) = (x + MARGIN) * size to (y + MARGIN) * size
            canvas.drawRect(left, top, left + size, top + size, paint)
        }
    }

    private companion object {
        const val MARGIN = 4
    }
}

/** The app's own keypad: no other keyboard sees the PIN, and each digit goes to the library alone. */
class Keypad(sheet: Sheet, private val pad: PinPad, private val length: Int, private val done: () -> Unit) {
    private val context = sheet.context
    private val dots = sheet.text("", 32f, R.color.brand).apply {
        gravity = Gravity.CENTER
        letterSpacing = 0.2f
        accessibilityLiveRegion = View.ACCESSIBILITY_LIVE_REGION_POLITE
    }
    private var isDone = false

    init {
        for (row in listOf(listOf(1, 2, 3), listOf(4, 5, 6), listOf(7, 8, 9), listOf(null, 0, -1))) {
            val line = LinearLayout(context)
            for (key in row) line.addView(key(sheet, key), LinearLayout.LayoutParams(0, sheet.dp(72), 1f).apply { setMargins(6, 6, 6, 6) })
            sheet.add(line, 0)
        }
        show()
    }

    private fun key(sheet: Sheet, key: Int?): View {
        if (key == null) return View(context)
        val button = sheet.button(if (key < 0) "⌫" else "$key", isFirst = false, color = R.color.text) { tap(key) }
        sheet.removeView(button)
        button.textSize = 24f
        button.contentDescription = if (key < 0) context.getString(R.string.delete) else "$key"
        return button
    }

    private fun tap(key: Int) {
        if (isDone) return
        if (key < 0) pad.pop() else if (pad.length().toInt() < length) pad.push(key.toUByte())
        show()
        if (pad.length().toInt() == length) {
            isDone = true
            done()
        }
    }

    private fun show() {
        val typed = pad.length().toInt()
        dots.text = "●".repeat(typed) + "○".repeat((length - typed).coerceAtLeast(0))
        dots.contentDescription = context.getString(R.string.digits_typed, typed, length)
    }
}
