// The grammar of Prometheus 3 at work: node promql.js PACKAGE FILE check
//
// FILE is a JSON object of expressions by name. Prints what Prometheus's own editor says against each,
// with the place; an expression that it has nothing against is left out.
'use strict'

const { readFileSync } = require('node:fs')
const { ensureSyntaxTree } = require('@codemirror/language')
const { EditorState } = require('@codemirror/state')

const [, , library, file] = process.argv
const { Parser } = require(`${library}/dist/cjs/parser`)
const { promQLLanguage } = require(library)

function complaints (text) {
  const state = EditorState.create({ doc: text, extensions: [promQLLanguage('PromQL')] })
  const parser = new Parser(state)
  // An editor reads on while somebody types, and its first tree may be that of a part.
  parser.tree = ensureSyntaxTree(state, text.length, 10000)
  parser.analyze()
  return parser.getDiagnostics().map(({ from, message }) => `${from}: ${message}`)
}

const said = Object.entries(JSON.parse(readFileSync(file, 'utf8')))
  .map(([name, text]) => [name, complaints(text)])
  .filter(([, found]) => found.length > 0)
process.stdout.write(JSON.stringify(Object.fromEntries(said)) + '\n')
