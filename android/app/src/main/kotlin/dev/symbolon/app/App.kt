package dev.symbolon.app

import android.app.Application
import dev.symbolon.sdk.Symbolon
import dev.symbolon.sdk.UnifiedPush

/** The app's process: what it shows outlives the activity that shows it. */
class App : Application() {
    internal lateinit var model: Model

    /** What wakes the phone. */
    val push by lazy { UnifiedPush(this) }

    override fun onCreate() {
        super.onCreate()
        model = Model { Symbolon.open(this, "Symbolon 0.1.0", push) }
    }
}
