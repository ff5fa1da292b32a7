package dev.symbolon.testing

import android.os.Looper
import java.util.concurrent.TimeUnit
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.DelicateCoroutinesApi
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.GlobalScope
import kotlinx.coroutines.async
import org.robolectric.Shadows.shadowOf

/** No step takes longer, on however slow a machine. */
private const val PATIENCE = 120_000L

/** Lets the main thread work, which a test stands on, until [what] is so. Its clock goes as fast as ours. */
fun until(why: () -> String = { "it did not happen" }, what: () -> Boolean) {
    var now = System.nanoTime()
    val end = now + PATIENCE * 1_000_000
    while (!what()) {
        check(now < end, why)
        Thread.sleep(2)
        val later = System.nanoTime()
        shadowOf(Looper.getMainLooper()).idleFor(later - now, TimeUnit.NANOSECONDS)
        now = later
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
