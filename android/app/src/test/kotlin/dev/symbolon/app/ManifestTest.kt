package dev.symbolon.app

import java.io.File
import javax.xml.parsers.DocumentBuilderFactory
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.w3c.dom.Element

/** What the manifest and the resources promise. */
class ManifestTest {
    private val manifest = parse("src/main/AndroidManifest.xml")
    private val application = elements(manifest, "application").single()

    private fun parse(path: String) = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(File(path)).documentElement

    private fun elements(root: Element, name: String): List<Element> {
        val found = root.getElementsByTagName(name)
        return (0 until found.length).map { found.item(it) as Element }
    }

    @Test
    fun nothingIsBackedUpSentInTheClearOrOpenToOthersButTheOneActivityAndWhatIsWoken() {
        assertEquals("false", application.getAttribute("android:allowBackup"))
        assertEquals("false", application.getAttribute("android:usesCleartextTraffic"))
        val rules = parse("src/main/res/xml/no_backup.xml")
        assertEquals(listOf("root", "root"), elements(rules, "exclude").map { it.getAttribute("domain") })
        val exported = listOf("activity", "service", "receiver", "provider").flatMap { elements(manifest, it) }
            .filter { it.getAttribute("android:exported") != "false" }
        assertEquals(listOf(".MainActivity", ".WakeReceiver"), exported.map { it.getAttribute("android:name") })
        assertTrue(application.getAttribute("android:debuggable").isEmpty())
    }

    @Test
    fun onlyTheLinksOfTicketsOpenTheApp() {
        val data = elements(manifest, "data").map { it.getAttribute("android:scheme") to it.getAttribute("android:host") }
        val ofTheWeb = "https" to "\${linkHost}"
        assertEquals(listOf("symbolon" to "activate", "symbolon" to "offline", "symbolon" to "approve", ofTheWeb), data)
        // A page of the web only where its server says so, which Android verifies; and none but the one with tickets.
        for (filter in elements(manifest, "intent-filter")) {
            val pages = elements(filter, "data").filter { it.getAttribute("android:scheme").startsWith("http") }
            assertEquals(pages.isNotEmpty(), filter.getAttribute("android:autoVerify") == "true")
            assertTrue(pages.all { it.getAttribute("android:path") == "/activate" })
        }
        val asked = elements(manifest, "uses-permission").map { it.getAttribute("android:name").substringAfterLast('.') }
        val ofTheSdk = elements(parse("../sdk/src/main/AndroidManifest.xml"), "uses-permission").map { it.getAttribute("android:name").substringAfterLast('.') }
        assertTrue("the app asks for all that the SDK needs", asked.containsAll(ofTheSdk))
        assertEquals(setOf("INTERNET", "USE_BIOMETRIC", "CAMERA", "POST_NOTIFICATIONS"), asked.toSet())
    }

    @Test
    fun everyWordIsThereInBothLanguagesAndIsUsed() {
        val strings = { folder: String -> elements(parse("src/main/res/$folder/strings.xml"), "string").associate { it.getAttribute("name") to it.textContent } }
        val (english, german) = strings("values") to strings("values-de")
        assertEquals(english.keys - "app_name", german.keys)
        val places = Regex("%\\d\\$[sd]")
        for ((name, text) in german) {
            assertEquals(name, places.findAll(english.getValue(name)).map { it.value }.toSet(), places.findAll(text).map { it.value }.toSet())
        }
        val code = File("src/main").walk().filter { it.extension in setOf("kt", "xml") && "values" !in it.path }.joinToString { it.readText() }
        val unused = english.keys.filter { "R.string.$it" !in code && "@string/$it" !in code }
        assertEquals(emptyList<String>(), unused)
    }
}
