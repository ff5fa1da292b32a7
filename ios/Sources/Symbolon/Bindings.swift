// Who imports the library has what is generated for it too.
@_exported import SymbolonBindings
