package dev.symbolon.testing

import android.os.Looper
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.DelicateCoroutinesApi
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.GlobalScope
import kotlinx.coroutines.async
import org.robolectric.Shadows.shadowOf

/** No step takes longer, on however slow a machine. */
private const val PATIENCE = 120_000L

/** Lets the main thread work, which a test stands on, until [what] is so. */
fun until(why: () -> String = { "it did not happen" }, what: () -> Boolean) {
    val end = System.currentTimeMillis() + PATIENCE
    while (!what()) {
        check(System.currentTimeMillis() < end, why)
        shadowOf(Looper.getMainLooper()).idle()
        Thread.sleep(2)
    }
}

/** Runs [block] on another thread, and lets the main thread work meanwhile; [meanwhile] is done again and again. */
@OptIn(DelicateCoroutinesApi::class, ExperimentalCoroutinesApi::class)
fun <T> pump(meanwhile: () -> Unit = {}, block: suspend CoroutineScope.() -> T): T {
    val job = GlobalScope.async(Dispatchers.Default, block = block)
    until {
        meanwhile()
        job.isCompleted
    }
    return job.getCompleted()
}
