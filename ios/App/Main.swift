import SymbolonApp

@main
enum Main {
    @MainActor static func main() { SymbolonApplication.main() }
}
