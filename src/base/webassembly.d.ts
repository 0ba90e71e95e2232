/** What is used here of WebAssembly's interface: TypeScript has it only together with a browser's. */
declare namespace WebAssembly {
  class Memory {
    readonly buffer: ArrayBuffer
    constructor(size: { readonly initial: number; readonly maximum: number })
  }
  class Module {
    constructor(code: Uint8Array)
  }
  class Instance {
    readonly exports: Readonly<Record<string, unknown>>
    constructor(code: Module, imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>)
  }
}
