#!/usr/bin/env node
import '../dist/bundle/nc-client.js';
