// page.ts: puts the page together: words, buttons, one step at a time.

import { now, seen, settings, type Sighting } from './demo'
import { $, addOutcome, el, showOutcome, showSeen } from './show'
import { makeSteps, type Outcome, type User } from './steps'
import { language, switchLanguage, words } from './words'

async function begin(): Promise<void> {
  const at = await settings()
  const buttons = Array.from(document.querySelectorAll<HTMLElement>('[data-step]'))
  let user: User | null = null
  let busy = false
  // The last step, to be said again in the other language.
  let last: { step: string, outcome: Outcome, seen: Sighting[] } | undefined

  const { steps, arrive } = makeSteps(at, next => {
    user = next
    speak()
  }, addOutcome)

  function speak(): void {
    const w = words()
    document.documentElement.lang = language()
    document.title = w.title
    document.querySelectorAll<HTMLElement>('[data-t]').forEach(each => { each.textContent = w[each.dataset.t as 'title'] })
    for (const button of buttons) [button.textContent, button.title] = w.steps[button.dataset.step!]!
    $('language').textContent = w.language
    $('who').replaceChildren(...(user ? [w.loggedInAs, el('code', '', user.openid)] : [w.nobody]))
  }

  /** Shows a step that began after the exchange with the given number. */
  async function finish(step: string, outcome: Outcome, after: number): Promise<void> {
    last = { step, outcome, seen: (await seen(after)).seen }
    showOutcome(outcome, step)
    showSeen(at, last.seen, step)
  }

  async function run(step: string): Promise<void> {
    if (busy) return
    working(true)
    buttons.forEach(each => each.dataset.step === step ? each.setAttribute('aria-current', 'step') : each.removeAttribute('aria-current'))
    showOutcome(null, step)
    const after = await now()
    sessionStorage.setItem('demo-after', String(after)) // for a step that ends as a new page
    const outcome = await steps[step]!().catch(error => ({ call: '', status: 0, text: String(error) }))
    await finish(step, outcome, after)
    $('main').dataset.done = step
    working(false)
  }

  function working(now: boolean): void {
    busy = now
    $('main').dataset.state = now ? 'busy' : 'idle'
    // not "disabled", which would take the keyboard's place away
    buttons.forEach(each => each.setAttribute('aria-disabled', String(now)))
  }

  buttons.forEach(each => { each.onclick = () => run(each.dataset.step!) })
  $('language').onclick = () => {
    switchLanguage()
    speak()
    if (!last) return
    showOutcome(last.outcome, last.step)
    showSeen(at, last.seen, last.step)
  }

  // Back from WeChat's page, into a page that had been left in the middle of a step.
  addEventListener('pageshow', event => { if (event.persisted) location.reload() })

  speak()
  working(true)
  const by = new URLSearchParams(location.search).get('by')
  const outcome = await arrive(by)
  if (by && outcome && words().steps[by]) {
    history.replaceState(null, '', '/')
    await finish(by, outcome, Number(sessionStorage.getItem('demo-after')))
    $('main').dataset.done = by
  }
  working(false)
}

begin().catch(error => { $('told').textContent = String(error) })
