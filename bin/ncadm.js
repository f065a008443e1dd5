#!/usr/bin/env node
import '../dist/ncadm/main.js';
