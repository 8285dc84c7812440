const compression = require('compression')
const cookies = require('cookie-parser')
const cors = require('cors')
const express = require('express')
const session = require('express-session')
const helmet = require('helmet')
const jwt = require('jsonwebtoken')
const morgan = require('morgan')
const pino = require('pino')
const { z } = require('zod')

const app = express()
app.use(helmet(), cors(), compression(), cookies(), express.json(), morgan('tiny'))
app.use(session({ secret: 'test', resave: false, saveUninitialized: false }))

const Order = z.object({ item: z.string(), count: z.number().int().positive() })

app.post('/orders', (request, response) => {
  const order = Order.parse(request.body)
  response.json({ order, receipt: jwt.decode(jwt.sign(order, 'test')).item })
})

const server = app.listen(0, '127.0.0.1', () => {
  pino({ level: 'silent' }).info('listening')
  console.log(`port ${server.address().port}`)
})
