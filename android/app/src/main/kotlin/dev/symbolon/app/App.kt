package dev.symbolon.app

import android.app.Application
import dev.symbolon.sdk.Symbolon

/** The app's process: what it shows outlives the activity that shows it. */
class App : Application() {
    val model by lazy { Model { Symbolon.open(this, "Symbolon 0.1.0") } }
}
