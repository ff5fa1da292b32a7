package dev.symbolon.app

import dev.symbolon.testing.until
import java.lang.reflect.Modifier
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test

/** Wherever the process dies, the person comes back to their accounts, and all of them still work. */
class ProcessDeathTest : PhoneTest() {
    /** How to get to a screen with a phone that has `user`'s account. */
    private val withAccount: Map<Class<out Screen>, (Person, String) -> Unit> = mapOf(
        Screen.Accounts::class.java to { _, _ -> },
        Screen.Add::class.java to { person, _ -> person.tap(R.string.add) },
        Screen.Scan::class.java to { person, _ -> person.tap(R.string.scan) },
        Screen.Typed::class.java to { person, _ ->
            person.tap(R.string.add)
            person.tap(R.string.type_code)
        },
        Screen.Keypad::class.java to { person, user ->
            person.tap(user)
            person.pin("83")
        },
        Screen.Open::class.java to { person, user -> openCode(person, user) },
        Screen.Asked::class.java to { person, user -> ask(person, user) },
        Screen.Working::class.java to { person, user ->
            ask(person, user)
            person.tap(R.string.concern)
            person.pin(PIN)
        },
        Screen.Done::class.java to { person, user ->
            ask(person, user)
            person.tap(R.string.cancel)
            person.pin(PIN)
            person.sees(R.string.cancelled_text)
        },
        Screen.OfflineAsked::class.java to { person, user ->
            person.tapLink(server.askByQr(user, payment().getJSONObject("transaction")))
            person.sees(R.string.make_code)
        },
        Screen.Challenge::class.java to { person, user ->
            openCode(person, user)
            person.tap(R.string.respond)
        },
        Screen.Response::class.java to { person, user ->
            openCode(person, user)
            person.tap(R.string.respond)
            person.type(R.string.challenge_digits, "12345678")
            person.tap(R.string.go_on)
            person.sees(R.string.response_text)
        },
        Screen.Settings::class.java to { person, user ->
            openCode(person, user)
            person.tap(R.string.settings)
        },
        Screen.Remove::class.java to { person, user ->
            openCode(person, user)
            person.tap(R.string.settings)
            person.tap(R.string.remove)
        },
        Screen.Moving::class.java to { person, user -> move(person, user) },
        Screen.MoveDigits::class.java to { person, user ->
            move(person, user)
            Person(photographed((person.model.screen as Screen.Moving).ticket.qr), Phone("newer of $user")).sees(R.string.comparison)
            person.sees(R.string.move_digits_text)
        },
        Screen.History::class.java to { person, user ->
            openCode(person, user)
            person.tap(R.string.history)
        },
        Screen.Locked::class.java to { person, user ->
            person.tap(user)
            person.tap(R.string.forgot_pin)
        },
        Screen.Problem::class.java to { person, _ -> person.tapLink("symbolon://activate?v=1") },
    )

    /** How to get to a screen with a phone that has no account yet. */
    private val withoutAccount: Map<Class<out Screen>, (Person, String) -> Unit> = mapOf(
        Screen.Proposed::class.java to { person, user ->
            person.tapLink(server.handOut(user).link)
            person.sees(R.string.proposed)
        },
        Screen.CodeOfLink::class.java to { person, user -> person.tapLink(server.handOut(user).page) },
        Screen.OfflinePassword::class.java to { person, user -> person.tapLink(offline(user).getString("qr")) },
    )

    /** Those after which the account is another one than before: they have tests of their own here. */
    private val apart = setOf(Screen.Registered::class.java, Screen.Damaged::class.java)

    private fun ask(person: Person, user: String) {
        server.ask(user, payment())
        person.tap(PAYMENT)
        person.sees(R.string.concern)
    }

    private fun move(person: Person, user: String) {
        openCode(person, user)
        person.tap(R.string.settings)
        person.tap(R.string.move)
        person.pin(PIN)
        person.sees(R.string.move_text)
    }

    private fun offline(user: String) = server.handOutOffline(user).getJSONObject("ticket").getJSONObject("offline")

    private fun isAt(person: Person, screen: Class<out Screen>) =
        until({ "not at ${screen.simpleName}, but at ${person.model.screen.javaClass.simpleName}" }) { screen.isInstance(person.model.screen) }

    @Test
    fun everyScreenIsInTheTable() {
        val all = Screen::class.java.declaredClasses.filter { Screen::class.java.isAssignableFrom(it) && Modifier.isPublic(it.modifiers) }
        assertEquals(all.toSet(), withAccount.keys + withoutAccount.keys + apart)
    }

    @Test
    fun withAnAccountItIsThereAndItsCodesCount() {
        for ((screen, go) in withAccount) {
            val user = "at-${screen.simpleName.lowercase()}"
            val person = activated(user, phone = Phone(user))
            go(person, user)
            isAt(person, screen)
            person.die()
            person.sees(R.string.accounts)
            // What was asked and not answered is asked still.
            if (screen == Screen.Asked::class.java) person.sees(PAYMENT)
            openCode(person, user)
            assertTrue(screen.simpleName, server.accepts(user, person.digits()))
            person.end()
        }
    }

    @Test
    fun withoutOneNothingIsLeftAndItCanBeAddedAgain() {
        for ((screen, go) in withoutAccount) {
            val user = "at-${screen.simpleName.lowercase()}"
            val person = Person(phone = Phone(user))
            person.sees(R.string.welcome)
            go(person, user)
            isAt(person, screen)
            person.die()
            person.sees(R.string.welcome)
            person.tapLink(server.handOut("$user-again").link)
            accept(person)
            person.end()
        }
    }

    @Test
    fun whileItIsActivatedItIsThereOrItIsNot() {
        val person = Person(server.handOut("alice").link)
        person.tap(R.string.accept)
        person.choosePin(PIN)
        isAt(person, Screen.Working::class.java)
        person.die()
        until({ person.words() }) { person.model.screen is Screen.Accounts }
        if ((person.model.screen as Screen.Accounts).entries.isEmpty()) {
            person.tapLink(server.handOut("alice-again").link)
            accept(person)
        } else {
            openCode(person)
        }
    }

    @Test
    fun aRegistrationCodeThatWasNotReadIsShownAgain() {
        val ticket = offline("alice")
        val person = Person(ticket.getString("qr"))
        person.type(R.string.password, ticket.getString("password"))
        person.tap(R.string.go_on)
        person.tap(R.string.accept)
        person.choosePin(PIN)
        person.sees(R.string.registered)
        val code = person.digits()
        person.die()
        person.sees(R.string.activating_offline)
        openCode(person)
        assertEquals(code, (person.model.screen as Screen.Open).registration?.filter(Char::isDigit))
    }
}
