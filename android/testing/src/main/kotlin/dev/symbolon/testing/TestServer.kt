package dev.symbolon.testing

import android.net.Uri
import java.io.File
import java.net.URL
import java.nio.file.Files
import java.security.SecureRandom
import java.security.cert.X509Certificate
import javax.net.ssl.HttpsURLConnection
import javax.net.ssl.SSLContext
import javax.net.ssl.TrustManager
import javax.net.ssl.X509TrustManager
import org.json.JSONObject

/** The real server, as a process with a data directory of its own; its clock is off by so many minutes. */
class TestServer(minutes: Int = 0) : AutoCloseable {
    private val program = buildList {
        if (minutes != 0) addAll(listOf("faketime", "-f", "%+dm".format(minutes)))
        add(checkNotNull(System.getProperty("symbolon.server")) { "symbolon.server names the program" })
    }
    private val folder: File = Files.createTempDirectory("symbolon-android-").toFile()
    private val process: Process
    private val url: String
    private var key: String? = null

    init {
        val command = program + listOf("serve", "--listen", "127.0.0.1:0", "--data-dir", "$folder/data")
        process = ProcessBuilder(command).redirectError(File(folder, "log")).start()
        val line = process.inputStream.bufferedReader().readLine()
        url = JSONObject(checkNotNull(line) { File(folder, "log").readText() }).getString("url")
    }

    /** What the person types as the server's address. */
    val address get() = url

    /** Runs an `admin` command. */
    fun admin(vararg arguments: String): JSONObject {
        val command = program + listOf("admin", "--json", "--data-dir", "$folder/data") + arguments
        val run = ProcessBuilder(command).redirectError(File(folder, "admin")).start()
        val output = run.inputStream.bufferedReader().readText()
        check(run.waitFor() == 0) { "${arguments.toList()}: $output${File(folder, "admin").readText()}" }
        return if (output.isBlank()) JSONObject() else JSONObject(output)
    }

    /** Hands out a token to a new user, to be activated in any way. */
    fun handOut(user: String): Ticket {
        admin("user", "add", user)
        return Ticket(admin("token", "add", user, "--method", "online", "--method", "classic"))
    }

    /** Hands out a token that is activated without a network. */
    fun handOutOffline(user: String): JSONObject {
        admin("user", "add", user)
        return admin("token", "add", user, "--method", "offline")
    }

    /** Asks what an application asks; answers with what the server said. */
    fun call(path: String, body: JSONObject?, method: String = if (body == null) "GET" else "POST"): JSONObject {
        val key = key ?: admin("application", "add", "Shop", "--scope", "verify,challenge").getString("key").also { key = it }
        val connection = URL(url + path).openConnection() as HttpsURLConnection
        connection.sslSocketFactory = anyone.socketFactory
        connection.setHostnameVerifier { _, _ -> true }
        connection.setRequestProperty("Authorization", "Bearer $key")
        connection.requestMethod = method
        if (body != null) {
            connection.doOutput = true
            connection.setRequestProperty("Content-Type", "application/json")
            connection.outputStream.use { it.write(body.toString().encodeToByteArray()) }
        }
        val stream = if (connection.responseCode < 400) connection.inputStream else connection.errorStream
        return JSONObject(stream.bufferedReader().readText())
    }

    /** Whether a code is one of the user's. */
    fun accepts(user: String, code: String): Boolean =
        call("/v1/verify", JSONObject().put("user", user).put("code", code)).getString("result") == "accepted"

    /** Asks a user's phones. */
    fun ask(user: String, more: JSONObject = JSONObject()): JSONObject =
        call("/v1/challenges", more.put("user", user).put("kind", "approval"))

    /** Asks by a QR, which it answers with. */
    fun askByQr(user: String, transaction: JSONObject): String =
        call("/v1/challenges", JSONObject().put("user", user).put("kind", "offline_qr").put("transaction", transaction)).getString("qr")

    /** What became of it. */
    fun status(challenge: JSONObject): String = call("/v1/challenges/${challenge.getString("id")}", null).getString("status")

    /** The application asks no more. */
    fun withdraw(challenge: JSONObject) = call("/v1/challenges/${challenge.getString("id")}", null, "DELETE")

    /** Stops it at once: the network is gone. */
    override fun close() {
        // faketime starts it as a child.
        process.descendants().forEach { it.destroyForcibly() }
        process.destroyForcibly().waitFor()
        folder.deleteRecursively()
    }

    /** What a user is given. */
    class Ticket(answer: JSONObject) {
        val serial: String = answer.getJSONObject("token").getString("serial")
        val link: String = answer.getJSONObject("ticket").getJSONObject("online").getString("link")
        val code: String = answer.getJSONObject("ticket").optJSONObject("classic")?.optString("code").orEmpty()

        /** What a mail says in the link's place: without the code. */
        val page: String = Uri.parse(link).run {
            val parts = queryParameterNames.filter { it != "p" }.joinToString("&") { "$it=${Uri.encode(getQueryParameter(it))}" }
            "${getQueryParameter("a")}/activate#$parts"
        }
    }

    private companion object {
        // The application of a test need not know the server by its certificate; the phone does.
        val anyone: SSLContext = SSLContext.getInstance("TLS").apply {
            val all = object : X509TrustManager {
                override fun checkClientTrusted(chain: Array<X509Certificate>?, type: String?) = Unit
                override fun checkServerTrusted(chain: Array<X509Certificate>?, type: String?) = Unit
                override fun getAcceptedIssuers(): Array<X509Certificate> = emptyArray()
            }
            init(null, arrayOf<TrustManager>(all), SecureRandom())
        }
    }
}
