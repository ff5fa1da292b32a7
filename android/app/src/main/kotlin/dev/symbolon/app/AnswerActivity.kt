package dev.symbolon.app

import android.app.Activity
import android.content.Context
import android.content.Intent
import android.os.Bundle
import dev.symbolon.ffi.Decision

/**
 * Takes a decision that was tapped in a notification to the app, and is never seen. It is apart from the window because only
 * this app can start it: what another app makes up is no decision.
 */
class AnswerActivity : Activity() {
    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        val (serial, id) = intent.getStringExtra(SERIAL) to intent.getStringExtra(ID)
        val decision = Decision.entries.firstOrNull { it.name == intent.getStringExtra(DECISION) }
        if (serial != null && id != null && decision != null) {
            Notifications(this).remove(serial, id)
            (application as App).model.answer(serial, id, decision)
        }
        startActivity(Intent(this, MainActivity::class.java))
        finish()
    }

    companion object {
        private const val SERIAL = "serial"
        private const val ID = "id"
        private const val DECISION = "decision"

        /** What a notification is tapped with. Intents that differ only in what they carry would be one to the system. */
        fun intent(context: Context, serial: String, id: String, decision: Decision): Intent =
            Intent(context, AnswerActivity::class.java).setIdentifier("$serial/$id/$decision")
                .putExtra(SERIAL, serial).putExtra(ID, id).putExtra(DECISION, decision.name)
    }
}
